import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { FailureCode } from '../domain/failures.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { ModelFailure } from './failure.ts';
import { type AnswerOutcome, readOutcome, readUsage } from './finish.ts';
import type { ModelStep } from './model-call.ts';
import { createProviderText, type ProviderText } from './provider-text.ts';
import { createStopFilter, type StopFilter } from './stop-markers.ts';

/** The longest answer unless another is named, in UTF-16 units; as much for thoughts and the input of tools. */
export const MAX_ANSWER_CHARS = 200_000;

type FinishStep = ModelStep & { readonly type: 'finish' };

/** How an answer ends: with its last step, or with a failure instead of one. */
export type AnswerEnd = FinishStep | ModelFailure;

/** How an answer is read, and its failures made. */
export interface AnswerRules {
  /** Whether marks of the ends of turns are taken out of the text. */
  readonly hidesStopMarkers: boolean;
  /** The longest text, in UTF-16 units. */
  readonly maxChars: number;
  /** Reads what the package has thrown or told. */
  toFailure(error: unknown): ModelFailure;
  createFailure(code: FailureCode, detail: string, passing?: { readonly isTransient: boolean }): ModelFailure;
}

/** Makes steps of the parts that a package streams. */
export interface AnswerParser {
  readonly rules: AnswerRules;
  readonly filter: StopFilter | undefined;
  readonly providerText: ProviderText;
  /** The steps that nobody has taken yet, the oldest first. */
  readonly steps: ModelStep[];
  /** How much there was: text as it was read and as it is shown, thoughts and input of tools, and calls of tools. */
  readonly size: { read: number; text: number; other: number; calls: number };
  /** Whether the model has begun to answer, be it by thoughts. */
  hasBegun: boolean;
}

/** Makes the parser of one answer. */
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
 * Adds the steps that a part makes. Returns the end of the answer when the part brings it, which is not among the steps;
 * nothing is parsed afterwards.
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
  show(parser, filter?.push(read) ?? read);
  if (filter?.isOver) return finish('STOP', null);
  if (read.length === delta.length) return undefined;
  flush(parser);
  return finish('LENGTH', null);
}

function show({ size, providerText, steps }: AnswerParser, text: string): void {
  if (text === '') return;
  size.text += text.length;
  providerText.append(text);
  steps.push({ type: 'text', text });
}

/** Shows what was held back as the possible beginning of a stop marker. */
function flush(parser: AnswerParser): void {
  show(parser, parser.filter?.flush() ?? '');
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

function readEnd({ rules, size }: AnswerParser, ending: AnswerOutcome, usage: TokenUsage | null): AnswerEnd {
  if (ending === 'WHOLE') return finish(size.calls > 0 ? 'TOOLS' : 'STOP', usage);
  if (ending === 'LENGTH') return finish('LENGTH', usage);
  if (ending === 'CUT_OFF')
    return rules.createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isTransient: true });
  if (size.text > 0) return finish('CONTENT_FILTER', usage);
  return rules.createFailure('CONTENT_FILTERED', 'The provider has held all of the answer back.');
}

const finish = (reason: FinishStep['reason'], usage: TokenUsage | null): FinishStep => ({
  type: 'finish',
  reason,
  usage,
});
