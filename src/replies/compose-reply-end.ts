import { classifyOutcome } from '../answer/confidence.ts';
import type { Question } from '../answer/engine.ts';
import type { Deps } from '../deps.ts';
import type { Message } from '../domain/entities.ts';
import { toMessageFailure } from '../domain/failures.ts';
import { toJson } from '../domain/json.ts';
import { toTimestamp } from '../domain/time.ts';
import type { ReplyEnd } from '../store/open-replies.ts';
import { endAttempt, estimatePartialUsage, type GenerationState, recordUsageMetrics } from './generation-state.ts';
import { type LiveReply, OWNERSHIP_LOST } from './live-replies.ts';

/** A generation that is over. */
interface EndedGeneration {
  readonly state: GenerationState;
  readonly live: LiveReply;
  /** Undefined if the generation ended before the question was known. */
  readonly question: Question | undefined;
  /** What the engine threw; undefined if it threw nothing. */
  readonly error: unknown;
  /** Whether the reply was stopped, or this gateway is stopping. */
  readonly isAborted: boolean;
}

/** Composes the end of a reply from its generation, and adds its usage to the metrics. */
export function composeReplyEnd(
  { clock, metrics, prices }: Pick<Deps, 'clock' | 'metrics' | 'prices'>,
  reply: Pick<Message, 'id'>,
  generation: EndedGeneration,
): ReplyEnd {
  const { state, live, question } = generation;
  const { finish, answeringModel, firstTokenMs } = state;
  const status = statusOf(generation);
  const error = status === 'FAILED' ? toMessageFailure(generation.error) : null;
  if (answeringModel !== null && state.isAttempting) {
    endAttempt(state, answeringModel, finish?.failure ? toMessageFailure(finish.failure) : error);
  }
  const usage = finish?.usage ?? estimatePartialUsage(state, live);
  const engine = answeringModel?.provider ?? 'none';
  metrics.answers.inc({ engine, status });
  if (firstTokenMs !== null) metrics.firstDeltaSeconds.observe({ engine }, firstTokenMs / 1_000);
  const priceNano = answeringModel && usage && prices.calculatePrice(answeringModel, usage);
  if (usage !== null) recordUsageMetrics(metrics, engine, usage, priceNano);
  const discardedUsage = state.discardedUsage.map(({ modelName, usage }) => {
    const priceNano = prices.calculatePrice(modelName, usage);
    recordUsageMetrics(metrics, modelName.provider, usage, priceNano);
    return { usage, priceNano };
  });
  return {
    id: reply.id,
    status,
    content: live.content,
    citations: live.citations,
    finishReason: finish?.reason ?? (status === 'FAILED' ? 'ERROR' : 'ABORTED'),
    usage,
    generation: answeringModel && { ...answeringModel, firstTokenMs, priceNano, attempts: toJson(state.attempts) },
    outcome: question && status === 'COMPLETED' ? classifyOutcome(question, live.content) : null,
    confidence: question?.retrieval.confidence ?? null,
    reasoning: question?.answering.showsReasoning ? state.reasoning.toWellFormed() || null : null,
    error,
    completedAt: toTimestamp(clock.now()),
    discardedUsage,
  };
}

function statusOf({ state, live, isAborted }: EndedGeneration): ReplyEnd['status'] {
  if (state.finish !== undefined) return 'COMPLETED';
  const { aborted, reason } = live.stop.signal;
  if (aborted && reason !== OWNERSHIP_LOST) return 'STOPPED';
  return isAborted ? 'INTERRUPTED' : 'FAILED';
}
