import { inspect } from 'node:util';
import { onTestFinished } from 'vitest';
import { AnswerFailure, type FailureCode } from '../../src/domain/failures.ts';
import type { Provider } from '../../src/domain/providers.ts';
import type { ModelCall, ModelStep, ModelStream, ProviderCredentials } from '../../src/models/model-types.ts';
import { createModels } from '../../src/models/models.ts';
import { type FakeProvider, startFakeProvider } from '../helpers/models/fake-providers/fake-provider.ts';

/** A key of no known format, with characters that must be encoded in a URL. */
export const KEY = 'f/oo+bar.Pa55=word';
/** Texts that a failure must not contain: the key, as it is and encoded, and the question. */
const SECRETS = [KEY, encodeURIComponent(KEY), btoa(KEY), 'What is the capital'];

/** A model call whose question is easy to find in a text. */
export const QUESTION = {
  accountId: 'account',
  messages: [
    { role: 'system', content: 'Answer from the sources.' },
    { role: 'user', content: [{ type: 'text', text: 'What is the capital of France?' }] },
  ],
  maxOutputTokens: 500,
} satisfies Omit<ModelCall, 'provider' | 'model'>;

/** A tool for model calls. */
export const TOOL = {
  type: 'function',
  name: 'escalate_to_human',
  description: 'Asks a person to take over.',
  inputSchema: { type: 'object', properties: { reason: { type: 'string' } }, required: ['reason'] },
} as const satisfies NonNullable<ModelCall['tools']>[number];

/** The outcome of a model call, as the client reports it. */
export interface Outcome {
  readonly accountId: string;
  readonly model: string | null;
  readonly failure: FailureCode | null;
}

/** Starts a fake provider, and creates a client for it. */
export async function startProviderClient(provider: Provider, { timeoutMs = 1_000 }: { timeoutMs?: number } = {}) {
  const fakeProvider = await startFakeProvider(provider);
  onTestFinished(fakeProvider.close);
  return { fakeProvider, ...createProviderClient(provider, fakeProvider, timeoutMs) };
}

/** Creates a client that calls a provider with the credentials of each account. */
export function createProviderClient(provider: Provider, fakeProvider: Pick<FakeProvider, 'url'>, timeoutMs = 1_000) {
  const outcomes: Outcome[] = [];
  const credentialsByAccount = new Map<string, Partial<ProviderCredentials> | undefined>([['account', {}]]);
  const models = createModels({
    async findCredentials(accountId) {
      const credentials = credentialsByAccount.get(accountId);
      return (
        credentials && {
          apiKey: KEY,
          baseUrl: fakeProvider.url,
          identity: accountId,
          fetch: globalThis.fetch,
          ...credentials,
        }
      );
    },
    onOutcome: (accountId, { model }, failure) => outcomes.push({ accountId, model, failure }),
    firstByteMs: timeoutMs,
    silenceMs: timeoutMs,
  });
  return {
    models,
    credentialsByAccount,
    outcomes,
    open: (call: Partial<ModelCall> = {}, signal = new AbortController().signal) =>
      models.open({ ...QUESTION, provider, model: 'm', ...call }, signal),
  };
}

/** Reads all steps of a stream. `failure` is the error that ended the stream instead of `finish`. */
export async function readSteps(pendingStream: Promise<ModelStream>) {
  const steps: ModelStep[] = [];
  let stream: ModelStream | undefined;
  let failure: unknown;
  try {
    stream = await pendingStream;
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

/** Lists the secrets that a thrown error contains in any property that a logger may read. */
export function findSecrets(error: unknown): string[] {
  const text = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
  return SECRETS.filter((secret) => text.toLowerCase().includes(secret.toLowerCase()));
}
