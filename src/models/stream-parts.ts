import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { FailureCode } from '../domain/failures.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { ModelFailure } from './failure.ts';
import { type AnswerOutcome, readOutcome, readUsage } from './finish.ts';
import type { ModelStep } from './model-types.ts';
import { createProviderText, type ProviderText } from './provider-text.ts';
import { createStopFilter, type StopFilter } from './stop-markers.ts';

/** The default limit of an answer's text in UTF-16 units; the same limit applies to reasoning plus tool input. */
export const MAX_ANSWER_CHARS = 200_000;

type FinishStep = ModelStep & { readonly type: 'finish' };

/** The end of an answer: its last step, or a failure. */
export type AnswerEnd = FinishStep | ModelFailure;

/** The rules by which an answer is parsed. */
export interface AnswerRules {
  /** Whether stop markers are removed from the text. */
  readonly hidesStopMarkers: boolean;
  /** The maximum text length in UTF-16 units. */
  readonly maxChars: number;
  /** Converts an error that the package threw or streamed. */
  toFailure(error: unknown): ModelFailure;
  createFailure(code: FailureCode, detail: string, retryHint?: { readonly isTransient: boolean }): ModelFailure;
}

/** Converts the stream parts of a package to steps. */
export interface AnswerParser {
  readonly rules: AnswerRules;
  readonly filter: StopFilter | undefined;
  readonly providerText: ProviderText;
  /** The steps that have not been read yet, the oldest first. */
  readonly steps: ModelStep[];
  /** Sizes so far: text before (`read`) and after the stop filter, reasoning plus tool input (`other`), tool calls. */
  readonly size: { read: number; text: number; other: number; calls: number };
  /** Whether the model has started to answer, even with reasoning only. */
  hasBegun: boolean;
}

/** Creates the parser of one answer. */
export function createAnswerParser(rules: AnswerRules): AnswerParser {
  return {
    rules,
    filter: rules.hidesStopMarkers ? createStopFilter() : undefined,
    providerText: createProviderText(),
    steps: [],
    size: { read: 0, text: 0, other: 0, calls: 0 },
    hasBegun: false,
  };
}

/**
 * Adds the steps of a stream part. Returns the end of the answer if the part contains it; the end is not among the steps,
 * and nothing is parsed after it.
 */
export function parsePart(parser: AnswerParser, part: LanguageModelV4StreamPart): AnswerEnd | undefined {
  const { providerText } = parser;
  switch (part.type) {
    case 'text-delta':
      providerText.resume('text', part);
      return addText(parser, part.delta);
    case 'reasoning-delta':
      providerText.resume('reasoning', part);
      return part.delta === '' ? undefined : addReasoning(parser, part.delta);
    case 'text-start':
      flush(parser);
      providerText.begin('text', part);
      return undefined;
    case 'reasoning-start':
      flush(parser);
      providerText.begin('reasoning', part);
      return undefined;
    case 'text-end':
      providerText.resume('text', part);
      flush(parser);
      return undefined;
    case 'reasoning-end':
      if (part.providerMetadata !== undefined) providerText.resume('reasoning', part);
      return undefined;
    case 'tool-input-delta':
      return countOther(parser, part.delta);
    case 'tool-call':
      addCall(parser, part);
      return undefined;
    case 'finish':
      flush(parser);
      return readEnd(parser, readOutcome(part.finishReason), readUsage(part.usage));
    case 'error':
      return parser.rules.toFailure(part.error);
    default:
      return undefined;
  }
}

function addText(parser: AnswerParser, delta: string): AnswerEnd | undefined {
  const { filter, size } = parser;
  parser.hasBegun ||= delta !== '';
  const read = delta.slice(0, parser.rules.maxChars - size.read);
  size.read += read.length;
  addVisibleText(parser, filter?.push(read) ?? read);
  if (filter?.isOver) return finish('STOP', null);
  if (read.length === delta.length) return undefined;
  flush(parser);
  return finish('LENGTH', null);
}

function addVisibleText({ size, providerText, steps }: AnswerParser, text: string): void {
  if (text === '') return;
  size.text += text.length;
  providerText.append(text);
  steps.push({ type: 'text', text });
}

/** Adds the buffered text, which can no longer become a stop marker. */
function flush(parser: AnswerParser): void {
  addVisibleText(parser, parser.filter?.flush() ?? '');
}

function addReasoning(parser: AnswerParser, delta: string): AnswerEnd | undefined {
  const text = delta.slice(0, MAX_ANSWER_CHARS - parser.size.other);
  if (text !== '') {
    parser.providerText.append(text);
    parser.steps.push({ type: 'reasoning', text });
  }
  return countOther(parser, delta);
}

function countOther(parser: AnswerParser, text: string): AnswerEnd | undefined {
  parser.hasBegun = true;
  parser.size.other += text.length;
  return parser.size.other > MAX_ANSWER_CHARS ? finish('LENGTH', null) : undefined;
}

function addCall(parser: AnswerParser, call: LanguageModelV4ToolCall): void {
  parser.hasBegun = true;
  flush(parser);
  parser.size.calls++;
  parser.providerText.call(call);
  parser.steps.push({ type: 'tool', call });
}

function readEnd({ rules, size }: AnswerParser, outcome: AnswerOutcome, usage: TokenUsage | null): AnswerEnd {
  if (outcome === 'WHOLE') return finish(size.calls > 0 ? 'TOOLS' : 'STOP', usage);
  if (outcome === 'LENGTH') return finish('LENGTH', usage);
  if (outcome === 'CUT_OFF')
    return rules.createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isTransient: true });
  if (size.text > 0) return finish('CONTENT_FILTER', usage);
  return rules.createFailure('CONTENT_FILTERED', 'The provider withheld the whole answer.');
}

const finish = (reason: FinishStep['reason'], usage: TokenUsage | null): FinishStep => ({
  type: 'finish',
  reason,
  usage,
});
