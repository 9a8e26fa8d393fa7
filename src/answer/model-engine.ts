import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { Logger } from 'pino';
import type { Deps } from '../deps.ts';
import type { ModelName } from '../domain/answering.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { BUILTIN } from '../domain/providers.ts';
import type { ModelStep, ModelStream, Models } from '../models/model-call.ts';
import { isForModel } from './bands.ts';
import { createCitationReader } from './cite.ts';
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
  readonly settings: Pick<Deps['config']['models'], 'totalMs' | 'maxOutputTokens' | 'fallsBackToBuiltin'>;
  readonly logger: Logger;
}

/** How often a model may use tools and be asked again in one answer. */
const MAX_ROUNDS = 3;

/**
 * Makes the engine that has a hosted model write, grounded in the sources. The question's own model is asked first, then
 * its fallbacks in their order, for as long as nothing of an answer was given; at last the built-in engine, where the
 * settings say so. Where the sources are not about the question no model is asked.
 */
export function createModelEngine(options: ModelEngineOptions): AnswerEngine {
  return {
    async *answer(question, signal) {
      if (!isForModel(question)) return yield* quote(options, question, signal);
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(options.settings.totalMs)]);
      let failure: unknown = new AnswerFailure('PROVIDER_UNAVAILABLE', 'No model was asked.');
      for (const author of [question.author, ...question.answering.fallbackModels]) {
        if (inTime.aborted) break;
        if (author.provider === BUILTIN) return yield* quote(options, question, signal);
        const progress = { hasText: false, hasBegun: false };
        try {
          return yield* ask(options, { ...question, author }, progress, inTime);
        } catch (error) {
          if (signal.aborted) return;
          if (progress.hasBegun) throw error;
          failure = error;
          options.logger.warn({ ...author, ...describe(error) }, 'a model did not answer');
        }
      }
      if (signal.aborted) return;
      if (!options.settings.fallsBackToBuiltin) throw failure;
      yield* quote(options, question, signal);
    },

    suggest: (question, answer, signal) => suggestByModel(options.models, question, answer, signal),
  };
}

async function* quote(
  { builtin }: ModelEngineOptions,
  question: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const author = { provider: BUILTIN, model: null };
  yield { type: 'author', author, inputTokens: estimateTokens(question.content) };
  yield* builtin.answer({ ...question, author }, signal);
}

/** How far an answer has come: whether it has text, and whether anything was done that cannot be undone. */
interface Progress {
  hasText: boolean;
  hasBegun: boolean;
}

/** Has one model answer, in as many rounds as it uses tools. */
async function* ask(
  { models, settings }: ModelEngineOptions,
  question: Question,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const { accountId, author, tools } = question;
  const { messages, passages } = composePrompt(question);
  const reader = createCitationReader(passages);
  const { showsReasoning } = question.answering;
  const { maxOutputTokens } = settings;
  const functions = tools.map(toFunction);
  const call = { accountId, ...author, messages, maxOutputTokens, tools: functions, showsReasoning };
  let usage = NO_USAGE;
  let notice = '';
  for (let round = 1; ; round++) {
    const stream = await models.open(call, signal);
    try {
      const inputTokens = estimateMessageTokens(messages);
      yield { type: 'author', author: nameOf(stream), inputTokens: usage.inputTokens + inputTokens };
      const calls: LanguageModelV4ToolCall[] = [];
      let written = '';
      let thoughts = '';
      let end: ModelEnd | undefined;
      while (end === undefined) {
        const step = await stream.next();
        if (step.type === 'text') {
          written += step.text;
          for (const event of reader.read(step.text)) yield note(progress, event);
        } else if (step.type === 'reasoning') {
          thoughts += step.text;
          yield step;
        } else if (step.type === 'tool') calls.push(step.call);
        else end = step;
      }
      usage = addUsage(usage, end.usage ?? estimateUsage(inputTokens, written, thoughts));
      if (calls.length > 0 && round < MAX_ROUNDS) {
        progress.hasBegun = true;
        const used = await useTools(tools, calls);
        messages.push(stream.said, used.message);
        notice ||= used.notice;
        continue;
      }
      for (const event of reader.end()) yield note(progress, event);
      // A model that has asked for a person may think that all is said.
      if (!progress.hasText && notice !== '') yield { type: 'delta', text: notice };
      else if (!progress.hasText) throw new AnswerFailure('ANSWER_FAILED', `It wrote nothing: ${end.reason}.`);
      yield { type: 'finish', reason: end.reason === 'TOOLS' ? 'STOP' : end.reason, usage };
      return;
    } finally {
      stream.close();
    }
  }
}

type ModelEnd = ModelStep & { type: 'finish' };

function note(progress: Progress, event: AnswerEvent): AnswerEvent {
  progress.hasBegun = true;
  if (event.type === 'delta' && !progress.hasText) progress.hasText = event.text.trim() !== '';
  return event;
}

const nameOf = ({ provider, model }: ModelStream): ModelName => ({ provider, model });

function toFunction({ name, description, parameters }: AnswerTool): LanguageModelV4FunctionTool {
  return { type: 'function', name, description, inputSchema: parameters };
}

/** Uses the tools that a model has asked for, one after the other, and says to it what came of that. */
async function useTools(
  tools: readonly AnswerTool[],
  calls: readonly LanguageModelV4ToolCall[],
): Promise<{ message: LanguageModelV4Message; notice: string }> {
  const content = [];
  let notice = '';
  for (const { toolCallId, toolName, input } of calls) {
    const tool = tools.find(({ name }) => name === toolName);
    const used = tool ? await tool.run(parseArguments(input)) : { report: `There is no tool ${toolName}.`, notice: '' };
    notice ||= used.notice;
    const output = { type: 'text', value: used.report } as const;
    content.push({ type: 'tool-result', toolCallId, toolName, output } as const);
  }
  return { message: { role: 'tool', content }, notice };
}

/** What a model gives as arguments is text that should be JSON. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For logs: only what is known to hold no secret. */
function describe(error: unknown): object {
  return error instanceof AnswerFailure ? { code: error.code, detail: error.message } : { err: error };
}
