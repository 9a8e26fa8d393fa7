import type { AnswerEvent } from '../answer/engine.ts';
import { estimateUsage } from '../answer/usage.ts';
import type { Deps } from '../deps.ts';
import type { ModelName } from '../domain/answering.ts';
import type { Citation } from '../domain/entities.ts';
import { toJson } from '../domain/json.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { LiveReply } from './live-replies.ts';

/** What is known of an answer besides its text. */
export interface GenerationState {
  readonly startedAt: number;
  author: ModelName | null;
  /** Tokens that the author was given, as it was estimated; undefined while nobody was asked, and once it is known. */
  inputTokens: number | undefined;
  /** What others took whose work was thrown away. */
  readonly spent: { readonly author: ModelName; readonly usage: TokenUsage }[];
  firstTokenMs: number | null;
  reasoning: string;
  /** The first half of a surrogate pair, whose second has yet to come. */
  held: string;
  finish: (AnswerEvent & { type: 'finish' }) | undefined;
}

/** Begins an answer that nobody has written anything of. */
export function createGenerationState(): GenerationState {
  const startedAt = performance.now();
  return {
    startedAt,
    author: null,
    inputTokens: undefined,
    spent: [],
    firstTokenMs: null,
    reasoning: '',
    held: '',
    finish: undefined,
  };
}

/** Takes one step of an engine; returns whether there is news for readers. */
export function applyAnswerEvent(run: GenerationState, live: LiveReply, event: AnswerEvent): boolean {
  switch (event.type) {
    case 'delta':
      run.firstTokenMs ??= Math.round(performance.now() - run.startedAt);
      run.held = append(live, run.held + event.text);
      return true;
    case 'citation':
      live.citations.push(writable(event.citation));
      return true;
    case 'reasoning':
      run.reasoning += event.text;
      return false;
    case 'author':
      if (run.author?.provider !== event.author.provider || run.author.model !== event.author.model) run.reasoning = '';
      run.author = event.author;
      run.inputTokens = event.inputTokens;
      return false;
    case 'spent':
      if (run.author !== null) run.spent.push({ author: run.author, usage: event.usage });
      run.inputTokens = undefined;
      return false;
    case 'finish':
      run.finish = event;
      return false;
  }
}

/** What an answer took that came to no end: nobody else counts it. */
export function usageOf({ inputTokens, reasoning }: GenerationState, { content }: LiveReply): TokenUsage | null {
  return inputTokens === undefined ? null : estimateUsage(inputTokens, content, reasoning);
}

/** Counts for the operator what an answer took. */
export function recordUsageMetrics(
  { tokens, priceUsd }: Deps['metrics'],
  engine: string,
  usage: TokenUsage,
  priceNano: number | null,
) {
  const { inputTokens, cachedTokens, outputTokens, reasoningTokens } = usage;
  // A provider may say what does not add up.
  tokens.inc({ engine, kind: 'input' }, Math.max(0, inputTokens - cachedTokens));
  tokens.inc({ engine, kind: 'cached' }, cachedTokens);
  tokens.inc({ engine, kind: 'output' }, Math.max(0, outputTokens - reasoningTokens));
  tokens.inc({ engine, kind: 'reasoning' }, reasoningTokens);
  if (priceNano !== null) priceUsd.inc({ engine }, priceNano / 1e9);
}

/** @throws what cannot be written as JSON: it would keep all that is saved and told with it from being so. */
function writable(citation: Citation): Citation {
  toJson(citation);
  return citation;
}

/**
 * Appends text, but for the first half of a surrogate pair at its end: that is given back, to go in front of what comes
 * next. So no character is ever told or stored in halves, and a half that belongs to nothing becomes U+FFFD.
 */
function append(live: LiveReply, text: string): string {
  const isCut = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
  const end = isCut ? text.length - 1 : text.length;
  live.content += text.slice(0, end).toWellFormed();
  return text.slice(end);
}
