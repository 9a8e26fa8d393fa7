import type { AnswerEvent } from '../answer/engine.ts';
import { estimateUsage } from '../answer/usage.ts';
import type { Deps } from '../deps.ts';
import type { ModelName } from '../domain/answering.ts';
import type { Citation } from '../domain/entities.ts';
import { type MessageFailure, toMessageFailure } from '../domain/failures.ts';
import { toJson } from '../domain/json.ts';
import { toTimestamp } from '../domain/time.ts';
import type { ModelAttempt, TokenUsage } from '../domain/usage.ts';
import type { LiveReply } from './live-replies.ts';

/** The state of a generation, besides the text and the citations of the live reply. */
export interface GenerationState {
  readonly startedAt: number;
  /** The wall clock at `startedAt`, in milliseconds since the epoch. */
  readonly wallClockMs: number;
  /** The models whose attempts are over, in order. */
  readonly attempts: ModelAttempt[];
  /** When the current attempt started: with the question, or at the end of the attempt before it. */
  attemptStartedAt: number;
  /** Whether a model is being asked, as far as its events show. */
  isAttempting: boolean;
  /** The model that produces the next events; null before the question is known. */
  answeringModel: ModelName | null;
  /** The estimated input tokens of the current model; `undefined` before a call and once its usage is known. */
  inputTokens: number | undefined;
  /** The usage of models whose answers were discarded. */
  readonly discardedUsage: { readonly modelName: ModelName; readonly usage: TokenUsage }[];
  /** The time from `startedAt` to the first delta; null before the first delta. */
  firstTokenMs: number | null;
  reasoning: string;
  /** The first half of a surrogate pair at the end of the last delta, or an empty string. */
  pendingSurrogate: string;
  finish: (AnswerEvent & { type: 'finish' }) | undefined;
}

/** Creates the state at the beginning of a generation; `wallClockMs` is the time of the wall clock. */
export function createGenerationState(wallClockMs: number): GenerationState {
  const startedAt = performance.now();
  return {
    startedAt,
    wallClockMs,
    attempts: [],
    attemptStartedAt: startedAt,
    isAttempting: false,
    answeringModel: null,
    inputTokens: undefined,
    discardedUsage: [],
    firstTokenMs: null,
    reasoning: '',
    pendingSurrogate: '',
    finish: undefined,
  };
}

/** Starts the attempt of the model that the question names. */
export function startAttempt(state: GenerationState, model: ModelName): void {
  state.answeringModel = model;
  state.attemptStartedAt = performance.now();
  state.isAttempting = true;
}

/** Ends the current attempt; `error` is null if the model wrote the reply, or was stopped. */
export function endAttempt(state: GenerationState, model: ModelName, error: MessageFailure | null): void {
  const { startedAt, wallClockMs, attemptStartedAt } = state;
  const endedAt = performance.now();
  state.attempts.push({
    provider: model.provider,
    model: model.model,
    error,
    startedAt: toTimestamp(Math.round(wallClockMs + attemptStartedAt - startedAt)),
    durationMs: Math.round(endedAt - attemptStartedAt),
  });
  state.attemptStartedAt = endedAt;
  state.isAttempting = false;
}

/** Applies one event of an engine's answer. Returns whether subscribers have to be notified. */
export function applyAnswerEvent(state: GenerationState, live: LiveReply, event: AnswerEvent): boolean {
  switch (event.type) {
    case 'delta':
      state.firstTokenMs ??= Math.round(performance.now() - state.startedAt);
      state.pendingSurrogate = appendText(live, state.pendingSurrogate + event.text);
      return true;
    case 'citation':
      live.citations.push(requireSerializable(event.citation));
      return true;
    case 'reasoning':
      state.reasoning += event.text;
      return false;
    case 'author':
      if (state.answeringModel?.provider !== event.author.provider || state.answeringModel.model !== event.author.model)
        state.reasoning = '';
      state.answeringModel = event.author;
      state.isAttempting = true;
      state.inputTokens = event.inputTokens;
      return false;
    case 'failed':
      if (event.usage !== null) state.discardedUsage.push({ modelName: event.model, usage: event.usage });
      endAttempt(state, event.model, toMessageFailure(event.failure));
      state.inputTokens = undefined;
      return false;
    case 'finish':
      state.finish = event;
      return false;
  }
}

/** Estimates the usage of an answer that did not finish, because the engine did not report its usage. */
export function estimatePartialUsage(
  { inputTokens, reasoning }: GenerationState,
  { content }: LiveReply,
): TokenUsage | null {
  return inputTokens === undefined ? null : estimateUsage(inputTokens, content, reasoning);
}

/** Adds the usage and the price of an answer to the metrics. */
export function recordUsageMetrics(
  { tokens, priceUsd }: Deps['metrics'],
  engine: string,
  usage: TokenUsage,
  priceNano: number | null,
) {
  const { inputTokens, cachedTokens, outputTokens, reasoningTokens } = usage;
  // Never negative, although a provider's numbers may contradict each other.
  tokens.inc({ engine, kind: 'input' }, Math.max(0, inputTokens - cachedTokens));
  tokens.inc({ engine, kind: 'cached' }, cachedTokens);
  tokens.inc({ engine, kind: 'output' }, Math.max(0, outputTokens - reasoningTokens));
  tokens.inc({ engine, kind: 'reasoning' }, reasoningTokens);
  if (priceNano !== null) priceUsd.inc({ engine }, priceNano / 1e9);
}

/**
 * Returns a citation.
 * @throws if JSON cannot represent the citation, because each checkpoint and event that contains it would fail.
 */
function requireSerializable(citation: Citation): Citation {
  toJson(citation);
  return citation;
}

/**
 * Appends text to a live reply. If the text ends with the first half of a surrogate pair, returns that half instead;
 * the caller prepends it to the next text, so that no character is split. A half without its counterpart becomes
 * U+FFFD.
 */
function appendText(live: LiveReply, text: string): string {
  const endsWithHalf = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
  const end = endsWithHalf ? text.length - 1 : text.length;
  live.content += text.slice(0, end).toWellFormed();
  return text.slice(end);
}
