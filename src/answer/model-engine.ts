import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { Logger } from 'pino';
import type { ModelName } from '../domain/answering.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { BUILTIN } from '../domain/providers.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { ModelStep, ModelStream, Models } from '../models/model-call.ts';
import { MAX_ANSWER_CHARS } from '../models/stream-parts.ts';
import { createCitationReader } from './cite.ts';
import { shouldAskModel } from './confidence.ts';
import type { AnswerEngine, AnswerEvent, AnswerTool, Question } from './engine.ts';
import { suggestByModel } from './model-follow-ups.ts';
import { composePrompt } from './prompt.ts';
import { estimateMessageTokens, estimateTokens } from './tokens.ts';
import { addUsage, estimateUsage, NO_USAGE } from './usage.ts';

/** What the engine is made of. */
export interface ModelEngineOptions {
  readonly models: Models;
  /** Answers where no model is asked, and where none does. */
  readonly builtin: AnswerEngine;
  readonly settings: {
    /** For the whole answer, fallbacks included. */
    readonly totalMs: number;
    /** For each call of a model. */
    readonly maxOutputTokens: number;
    readonly fallsBackToBuiltin: boolean;
  };
  readonly logger: Logger;
}

/** How often a model may use tools and be asked again in one answer, and how many at once. */
const MAX_ROUNDS = 3;
const MAX_CALLS = 4;

/**
 * Makes the engine that has a hosted model write, grounded in the sources. The question's own model is asked first, then
 * its fallbacks in their order, for as long as nothing of an answer was given and no tool has done anything; at last the
 * built-in engine, where the settings say so. Where the sources are not about the question no model is asked.
 */
export function createModelEngine(options: ModelEngineOptions): AnswerEngine {
  return {
    async *answer(question, signal) {
      if (!shouldAskModel(question)) return yield* answerFromSources(options, question, signal);
      const { accountId, chatbotId, answering } = question;
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(options.settings.totalMs)]);
      let failure = new AnswerFailure('PROVIDER_UNAVAILABLE', 'No model was asked.');
      for (const author of [question.author, ...answering.fallbackModels]) {
        if (inTime.aborted) break;
        if (author.provider === BUILTIN) return yield* answerFromSources(options, question, signal);
        const progress: Progress = {
          text: '',
          notice: '',
          hasActed: false,
          countUsage: () => NO_USAGE,
          stream: undefined,
        };
        try {
          return yield* answerByModel(options, { ...question, author }, progress, inTime);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof AnswerFailure)) throw error;
          if (progress.notice !== '') return yield* finishWithNotice(progress);
          if (progress.text !== '' || progress.hasActed) throw error;
          if (progress.stream !== undefined) yield { type: 'spent', usage: progress.countUsage() };
          failure = error;
          const { code, message: detail } = error;
          options.logger.warn({ accountId, chatbotId, ...author, code, detail }, 'a model did not answer');
        }
      }
      if (signal.aborted) return;
      if (!options.settings.fallsBackToBuiltin) throw failure;
      yield* answerFromSources(options, question, signal);
    },

    suggest: (question, answer, signal) => suggestByModel(options.models, question, answer, signal),
  };
}

async function* answerFromSources(
  { builtin }: ModelEngineOptions,
  question: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const author = { provider: BUILTIN, model: null };
  yield { type: 'author', author, inputTokens: estimateTokens(question.content) };
  yield* builtin.answer({ ...question, author }, signal);
}

/** How far a model has come with an answer. */
interface Progress {
  /** What it has written, as it wrote it. */
  text: string;
  /** What the visitor is to be told where it says no more. */
  notice: string;
  /** Whether a tool has done something, which must not be done twice. */
  hasActed: boolean;
  /** What it took so far, as far as anybody knows: counted when it is asked for, as that reads all that was written. */
  countUsage: () => TokenUsage;
  stream: ModelStream | undefined;
}

/** Has one model answer, in as many rounds as it uses tools. */
async function* answerByModel(
  { models, settings }: ModelEngineOptions,
  question: Question,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const { accountId, author, answering, tools } = question;
  const { messages, passages } = composePrompt(question);
  const reader = createCitationReader(passages);
  const uses = startUsingTools(tools, progress, signal);
  const call = {
    ...{ accountId, ...author, messages, maxOutputTokens: settings.maxOutputTokens },
    ...{ tools: tools.map(toFunction), showsReasoning: answering.showsReasoning },
  };
  for (let round = 1; ; round++) {
    const isLast = round === MAX_ROUNDS;
    const maxChars = MAX_ANSWER_CHARS - progress.text.length;
    const stream = await models.open({ ...call, maxChars, ...(isLast && { toolChoice: 'none' }) }, signal);
    progress.stream = stream;
    try {
      const before = progress.countUsage();
      const inputTokens = estimateMessageTokens(messages);
      yield { type: 'author', author: nameOf(stream), inputTokens: before.inputTokens + inputTokens };
      const calls: LanguageModelV4ToolCall[] = [];
      const earlier = progress.text;
      let written = '';
      let thoughts = '';
      let end: ModelEnd | undefined;
      const countUsage = () => addUsage(before, end?.usage ?? estimateUsage(inputTokens, written, thoughts));
      while (end === undefined) {
        const step = await stream.next();
        if (step.type === 'text') {
          // What comes before the first word is layout; a later round begins a paragraph.
          const text = written === '' ? step.text.trimStart() : step.text;
          if (text === '') continue;
          const piece = written === '' && earlier !== '' ? `\n\n${text}` : text;
          written += text;
          progress.text += piece;
          yield* reader.read(piece);
        } else if (step.type === 'reasoning') {
          thoughts += step.text;
          yield step;
        } else if (step.type === 'tool') calls.push(step.call);
        else end = step;
        progress.countUsage = countUsage;
      }
      yield* reader.end();
      if (end.reason === 'TOOLS' && !isLast) {
        messages.push(stream.assistantMessage, await uses.run(calls));
        continue;
      }
      // A model that has done something may think that all is said.
      if (written === '' && progress.notice !== '') return yield* finishWithNotice(progress);
      if (progress.text === '') throw new AnswerFailure('ANSWER_FAILED', `It wrote nothing: ${end.reason}.`);
      yield { type: 'finish', reason: end.reason === 'TOOLS' ? 'STOP' : end.reason, usage: progress.countUsage() };
      return;
    } finally {
      stream.close();
    }
  }
}

type ModelEnd = ModelStep & { type: 'finish' };

/** Ends an answer whose model has done something, and then said no more: the visitor is told what. */
function* finishWithNotice({ text, notice, countUsage }: Progress): Generator<AnswerEvent> {
  yield { type: 'delta', text: text === '' ? notice : `\n\n${notice}` };
  yield { type: 'finish', reason: 'STOP', usage: countUsage() };
}

const nameOf = ({ provider, model }: ModelStream): ModelName => ({ provider, model });

function toFunction({ name, description, parameters }: AnswerTool): LanguageModelV4FunctionTool {
  return { type: 'function', name, description, inputSchema: parameters };
}

/**
 * Uses the tools that a model asks for, one after the other, each until it has succeeded once, and says to the model what
 * came of that.
 */
function startUsingTools(tools: readonly AnswerTool[], progress: Progress, signal: AbortSignal) {
  const done = new Set<string>();

  async function use({ toolName, input }: LanguageModelV4ToolCall): Promise<string> {
    const tool = tools.find(({ name }) => name === toolName);
    if (tool === undefined) return `There is no tool ${toolName}.`;
    if (done.has(toolName)) return 'That was done already, and is done once.';
    if (signal.aborted) throw new AnswerFailure('PROVIDER_UNAVAILABLE', 'There was no time left for a tool.');
    const { report, notice, hasSucceeded } = await tool.run(parseArguments(input));
    if (!hasSucceeded) return report;
    done.add(toolName);
    progress.hasActed = true;
    progress.notice = [progress.notice, notice].filter(Boolean).join('\n\n');
    return report;
  }

  return {
    async run(calls: readonly LanguageModelV4ToolCall[]): Promise<LanguageModelV4Message> {
      const content = [];
      for (const [index, call] of calls.entries()) {
        const value = index < MAX_CALLS ? await use(call) : 'Too many tools at once.';
        const { toolCallId, toolName } = call;
        content.push({ type: 'tool-result', toolCallId, toolName, output: { type: 'text', value } } as const);
      }
      return { role: 'tool', content };
    },
  };
}

/** What a model gives as arguments is text that should be JSON. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
