import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { AnswerFailure, type MessageFailure, toMessageFailure } from '../domain/failures.ts';
import { parseInput, singleLine } from '../domain/input.ts';
import { BUILTIN, PROVIDERS } from '../domain/providers.ts';
import type { ModelStream, Models } from './model-types.ts';

/** The result of a test of a provider. */
export interface ProviderTest {
  readonly provider: (typeof PROVIDER_NAMES)[number];
  /** The tested model; null for the built-in engine, and when the input had no model and the call failed. */
  readonly model: string | null;
  /** The time until the answer ended or the test failed. */
  readonly latencyMs: number;
  /** Null for a success. */
  readonly failure: MessageFailure | null;
}

const TIMEOUT_MS = 10_000;
const PROVIDER_NAMES = [BUILTIN, ...PROVIDERS] as const;

const rules = z.object({
  provider: z.enum(PROVIDER_NAMES, `Must be one of: ${PROVIDER_NAMES.join(', ')}.`),
  model: singleLine(1, 255).optional(),
});

/**
 * Tests a provider: calls a model once with the account's credentials, and waits at most 10 seconds for a one-word
 * answer. A success closes the model's circuit breaker.
 * @param input `model` absent means the provider's default.
 * @throws InvalidInputError
 */
export async function testProvider(
  deps: { readonly models: Models },
  viewer: Pick<Viewer, 'accountId'>,
  input: { provider: string; model?: string | null | undefined },
  signal: AbortSignal,
): Promise<ProviderTest> {
  const { provider, model = null } = parseInput(rules, { ...input });
  if (provider === BUILTIN) return { provider, model: null, latencyMs: 0, failure: null };
  const startedAt = performance.now();
  const timeLimit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  let stream: ModelStream | undefined;
  let failure: MessageFailure | null = null;
  try {
    const opened = await deps.models.open(
      {
        accountId: viewer.accountId,
        provider,
        model,
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Answer with OK.' }] }],
        maxOutputTokens: 16,
        isTest: true,
      },
      timeLimit,
    );
    stream = opened;
    await readToEnd(opened, timeLimit);
  } catch (error) {
    if (!(error instanceof AnswerFailure)) throw error;
    failure = toMessageFailure(error);
  } finally {
    stream?.close();
  }
  return { provider, model: stream?.model ?? model, latencyMs: Math.round(performance.now() - startedAt), failure };
}

async function readToEnd(stream: ModelStream, timeLimit: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new AnswerFailure('PROVIDER_UNAVAILABLE', 'The test took too long.'));
  timeLimit.addEventListener('abort', onAbort, { once: true });
  if (timeLimit.aborted) onAbort();
  try {
    while ((await Promise.race([stream.next(), aborted])).type !== 'finish');
  } finally {
    timeLimit.removeEventListener('abort', onAbort);
  }
}
