import { inspect } from 'node:util';
import { onTestFinished } from 'vitest';
import { AnswerFailure, type FailureCode } from '../../src/domain/failures.ts';
import type { Provider } from '../../src/domain/providers.ts';
import type { ModelCall, ModelStep, ModelStream, ProviderCredentials } from '../../src/models/model-types.ts';
import { createModels } from '../../src/models/models.ts';
import { startFakeProvider, type Vendor } from '../helpers/models/vendors/vendor.ts';

/** A key without a known form, which must be encoded in a URL. */
export const KEY = 'f/oo+bar.Pa55=word';
/** Texts that a failure must not contain: the key, plain and encoded, and the question. */
const SECRETS = [KEY, encodeURIComponent(KEY), btoa(KEY), 'What is the capital'];

/** A question whose words are easy to find. */
export const QUESTION = {
  accountId: 'account',
  messages: [
    { role: 'system', content: 'Answer from the sources.' },
    { role: 'user', content: [{ type: 'text', text: 'What is the capital of France?' }] },
  ],
  maxOutputTokens: 500,
} satisfies Omit<ModelCall, 'provider' | 'model'>;

/** A tool in a model call. */
export const TOOL = {
  type: 'function',
  name: 'escalate_to_human',
  description: 'Asks a person to take over.',
  inputSchema: { type: 'object', properties: { reason: { type: 'string' } }, required: ['reason'] },
} as const satisfies NonNullable<ModelCall['tools']>[number];

/** The result of a model call. */
export interface Outcome {
  readonly accountId: string;
  readonly model: string | null;
  readonly failure: FailureCode | null;
}

/** A fake provider, and a client for it. */
export async function openLine(provider: Provider, { timeoutMs = 1_000 }: { timeoutMs?: number } = {}) {
  const vendor = await startFakeProvider(provider);
  onTestFinished(vendor.close);
  return { vendor, ...connect(provider, vendor, timeoutMs) };
}

/** Calls a provider with one account's credentials. */
export function connect(provider: Provider, vendor: Pick<Vendor, 'url'>, timeoutMs = 1_000) {
  const outcomes: Outcome[] = [];
  const access = new Map<string, Partial<ProviderCredentials> | undefined>([['account', {}]]);
  const models = createModels({
    async findCredentials(accountId) {
      const own = access.get(accountId);
      return own && { apiKey: KEY, baseUrl: vendor.url, identity: accountId, fetch: globalThis.fetch, ...own };
    },
    onOutcome: (accountId, { model }, failure) => outcomes.push({ accountId, model, failure }),
    firstByteMs: timeoutMs,
    silenceMs: timeoutMs,
  });
  return {
    models,
    access,
    outcomes,
    open: (call: Partial<ModelCall> = {}, signal = new AbortController().signal) =>
      models.open({ ...QUESTION, provider, model: 'm', ...call }, signal),
  };
}

/** Reads all steps; `failure` is the error that ended them in place of `finish`. */
export async function readAll(opening: Promise<ModelStream>) {
  const steps: ModelStep[] = [];
  let stream: ModelStream | undefined;
  let failure: unknown;
  try {
    stream = await opening;
    while (steps.at(-1)?.type !== 'finish') steps.push(await stream.next());
  } catch (error) {
    failure = error;
  }
  const finish = steps.at(-1);
  return {
    stream,
    steps,
    text: steps.flatMap((step) => (step.type === 'text' ? step.text : [])).join(''),
    reasoning: steps.flatMap((step) => (step.type === 'reasoning' ? step.text : [])).join(''),
    calls: steps.flatMap((step) => (step.type === 'tool' ? step.call : [])),
    finish: finish?.type === 'finish' ? finish : undefined,
    failure,
    code: failure instanceof AnswerFailure ? failure.code : undefined,
  };
}

/** Lists the secrets in a thrown error, in every place that a logger may read. */
export function findSecrets(error: unknown): string[] {
  const text = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
  return SECRETS.filter((secret) => text.toLowerCase().includes(secret.toLowerCase()));
}
