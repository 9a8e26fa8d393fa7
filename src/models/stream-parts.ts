import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { FailureCode } from '../domain/failures.ts';
import { dropNul, dropNulOfJson } from '../domain/text.ts';
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

/** The options of an answer's parser. */
export interface AnswerParserOptions {
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
  readonly options: AnswerParserOptions;
  readonly filter: StopFilter | undefined;
  readonly providerText: ProviderText;
  /** The steps that have not been read yet, the oldest first. */
  readonly steps: ModelStep[];
  /** The lengths so far, in UTF-16 units, and the number of tool calls. */
  readonly size: {
    /** The text before the stop filter. */
    rawChars: number;
    /** The text after the stop filter. */
    textChars: number;
    /** Reasoning plus tool input. */
    otherChars: number;
    toolCalls: number;
  };
  /** Whether the model has started to answer, even with reasoning only. */
  hasStarted: boolean;
}

/** Creates the parser of one answer. */
export function createAnswerParser(options: AnswerParserOptions): AnswerParser {
  return {
    options,
    filter: options.hidesStopMarkers ? createStopFilter() : undefined,
    providerText: createProviderText(),
    steps: [],
    size: { rawChars: 0, textChars: 0, otherChars: 0, toolCalls: 0 },
    hasStarted: false,
  };
}

/**
 * Adds the steps of a stream part. Returns the end of the answer if the part contains it. The end is not among the
 * steps, and no part may be parsed after it.
 */
export function parsePart(parser: AnswerParser, part: LanguageModelV4StreamPart): AnswerEnd | undefined {
  const { providerText } = parser;
  switch (part.type) {
    case 'text-delta':
      providerText.continueBlock('text', part);
      return addText(parser, dropNul(part.delta));
    case 'reasoning-delta':
      providerText.continueBlock('reasoning', part);
      return addReasoning(parser, dropNul(part.delta));
    case 'text-start':
      flush(parser);
      providerText.startBlock('text', part);
      return undefined;
    case 'reasoning-start':
      flush(parser);
      providerText.startBlock('reasoning', part);
      return undefined;
    case 'text-end':
      providerText.continueBlock('text', part);
      flush(parser);
      return undefined;
    case 'reasoning-end':
      if (part.providerMetadata !== undefined) providerText.continueBlock('reasoning', part);
      return undefined;
    case 'tool-input-delta':
      return countOtherChars(parser, part.delta);
    case 'tool-call':
      addToolCall(parser, { ...part, input: dropNulOfJson(part.input) });
      return undefined;
    case 'finish':
      flush(parser);
      return toAnswerEnd(parser, readOutcome(part.finishReason), readUsage(part.usage));
    case 'error':
      return parser.options.toFailure(part.error);
    default:
      return undefined;
  }
}

function addText(parser: AnswerParser, delta: string): AnswerEnd | undefined {
  const { filter, size } = parser;
  parser.hasStarted ||= delta !== '';
  const textInLimit = delta.slice(0, parser.options.maxChars - size.rawChars);
  size.rawChars += textInLimit.length;
  addVisibleText(parser, filter?.push(textInLimit) ?? textInLimit);
  if (filter?.hasFoundMarker) return finish('STOP', null);
  if (textInLimit.length === delta.length) return undefined;
  flush(parser);
  return finish('LENGTH', null);
}

function addVisibleText({ size, providerText, steps }: AnswerParser, text: string): void {
  if (text === '') return;
  size.textChars += text.length;
  providerText.appendText(text);
  steps.push({ type: 'text', text });
}

/** Adds the buffered text, which can no longer become a stop marker. */
function flush(parser: AnswerParser): void {
  addVisibleText(parser, parser.filter?.flush() ?? '');
}

function addReasoning(parser: AnswerParser, delta: string): AnswerEnd | undefined {
  if (delta === '') return undefined;
  const text = delta.slice(0, MAX_ANSWER_CHARS - parser.size.otherChars);
  if (text !== '') {
    parser.providerText.appendText(text);
    parser.steps.push({ type: 'reasoning', text });
  }
  return countOtherChars(parser, delta);
}

function countOtherChars(parser: AnswerParser, text: string): AnswerEnd | undefined {
  parser.hasStarted = true;
  parser.size.otherChars += text.length;
  return parser.size.otherChars > MAX_ANSWER_CHARS ? finish('LENGTH', null) : undefined;
}

function addToolCall(parser: AnswerParser, call: LanguageModelV4ToolCall): void {
  parser.hasStarted = true;
  flush(parser);
  parser.size.toolCalls++;
  parser.providerText.addToolCall(call);
  parser.steps.push({ type: 'tool', call });
}

function toAnswerEnd({ options, size }: AnswerParser, outcome: AnswerOutcome, usage: TokenUsage | null): AnswerEnd {
  if (outcome === 'COMPLETE') return finish(size.toolCalls > 0 ? 'TOOLS' : 'STOP', usage);
  if (outcome === 'LENGTH') return finish('LENGTH', usage);
  if (outcome === 'CUT_OFF')
    return options.createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isTransient: true });
  if (size.textChars > 0) return finish('CONTENT_FILTER', usage);
  return options.createFailure('CONTENT_FILTERED', 'The provider withheld the whole answer.');
}

const finish = (reason: FinishStep['reason'], usage: TokenUsage | null): FinishStep => ({
  type: 'finish',
  reason,
  usage,
});
