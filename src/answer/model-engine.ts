import type { LanguageModelV4FunctionTool, LanguageModelV4Message, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { Logger } from 'pino';
import type { ModelName } from '../domain/answering.ts';
import { AnswerFailure } from '../domain/failures.ts';
import { BUILTIN } from '../domain/providers.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { withDefaultModel } from '../models/families.ts';
import type { ModelStep, ModelStream, Models } from '../models/model-types.ts';
import { MAX_ANSWER_CHARS } from '../models/stream-parts.ts';
import { createCitationReader } from './cite.ts';
import { shouldCallModel } from './confidence.ts';
import type { AnswerEngine, AnswerEvent, AnswerTool, Question } from './engine.ts';
import { suggestWithModel } from './model-follow-ups.ts';
import { composePrompt } from './prompt.ts';
import { estimateMessageTokens, estimateTokens } from './tokens.ts';
import { addUsage, estimateUsage, NO_USAGE } from './usage.ts';

/** The options of the model engine. */
export interface ModelEngineOptions {
  readonly models: Models;
  /** The engine that answers when no model is called and, if the settings allow it, when every model has failed. */
  readonly builtin: AnswerEngine;
  readonly settings: {
    /** The time limit of the entire answer, including fallbacks. */
    readonly totalMs: number;
    /** The maximum output of each model call. */
    readonly maxOutputTokens: number;
    readonly fallsBackToBuiltin: boolean;
  };
  readonly logger: Logger;
}

/** The maximum number of rounds in one answer, and of tool calls in one round. A round is one call of the model. */
const MAX_ROUNDS = 3;
const MAX_TOOL_CALLS = 4;

/**
 * Creates the engine that answers with a hosted model, grounded in the sources. It calls the question's own model
 * first. If that model fails before it has streamed text or a tool has succeeded, the engine calls the fallback models
 * in order and finally, if the settings allow it, the built-in engine. It calls a model only if `shouldCallModel`
 * returns true.
 */
export function createModelEngine(options: ModelEngineOptions): AnswerEngine {
  return {
    async *answer(question, signal) {
      if (!shouldCallModel(question)) return yield* answerWithBuiltin(options, question, signal);
      const { accountId, chatbotId, answering } = question;
      const answerSignal = AbortSignal.any([signal, AbortSignal.timeout(options.settings.totalMs)]);
      let failure = new AnswerFailure('PROVIDER_UNAVAILABLE', 'No model was called.');
      for (const answeringModel of [question.answeringModel, ...answering.fallbackModels]) {
        if (answerSignal.aborted) break;
        if (answeringModel.provider === BUILTIN) return yield* answerWithBuiltin(options, question, signal);
        const progress: Progress = {
          text: '',
          notice: '',
          hasToolSucceeded: false,
          countUsage: () => NO_USAGE,
          stream: undefined,
        };
        try {
          return yield* answerWithModel(options, { ...question, answeringModel }, progress, answerSignal);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof AnswerFailure)) throw error;
          if (progress.notice !== '') return yield* finishWithNotice(progress, error);
          if (progress.text !== '' || progress.hasToolSucceeded) throw error;
          const model = progress.stream ? nameOf(progress.stream) : withDefaultModel(answeringModel);
          yield { type: 'failed', model, failure: error, usage: progress.stream ? progress.countUsage() : null };
          failure = error;
          const { code, message: detail } = error;
          options.logger.warn({ accountId, chatbotId, ...model, code, detail }, 'a model did not answer');
        }
      }
      if (signal.aborted) return;
      if (!options.settings.fallsBackToBuiltin) throw failure;
      yield* answerWithBuiltin(options, question, signal);
    },

    suggest: (question, answer, signal) => suggestWithModel(options.models, question, answer, signal),
  };
}

async function* answerWithBuiltin(
  { builtin }: ModelEngineOptions,
  question: Question,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const answeringModel = { provider: BUILTIN, model: null };
  yield { type: 'author', author: answeringModel, inputTokens: estimateTokens(question.content) };
  yield* builtin.answer({ ...question, answeringModel }, signal);
}

/** The progress of one model's answer. */
interface Progress {
  /** The model's text so far, with its citation markers. */
  text: string;
  /** The text for the visitor if the model writes nothing more. */
  notice: string;
  /** Whether a tool has succeeded; its effect must not be repeated. */
  hasToolSucceeded: boolean;
  /** Returns the usage so far. Computed on demand, because an estimate reads the entire text. */
  countUsage: () => TokenUsage;
  stream: ModelStream | undefined;
}

/** Answers with one model. After a round with tool calls, it calls the model again with the results. */
async function* answerWithModel(
  { models, settings }: ModelEngineOptions,
  question: Question,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void> {
  const { accountId, answeringModel, answering, tools } = question;
  const { messages, passages, marks } = composePrompt(question);
  const reader = createCitationReader(passages, marks);
  const toolRunner = createToolRunner(tools, progress, signal);
  const call = {
    ...{ accountId, ...answeringModel, messages, maxOutputTokens: settings.maxOutputTokens },
    ...{ tools: tools.map(toFunctionTool), showsReasoning: answering.showsReasoning },
  };
  for (let round = 1; ; round++) {
    const isLast = round === MAX_ROUNDS;
    const maxChars = MAX_ANSWER_CHARS - progress.text.length;
    const stream = await models.open({ ...call, maxChars, ...(isLast && { toolChoice: 'none' }) }, signal);
    progress.stream = stream;
    try {
      const usageBefore = progress.countUsage();
      const inputTokens = estimateMessageTokens(messages);
      yield { type: 'author', author: nameOf(stream), inputTokens: usageBefore.inputTokens + inputTokens };
      const calls: LanguageModelV4ToolCall[] = [];
      const earlierText = progress.text;
      let roundText = '';
      let reasoning = '';
      let end: ModelEnd | undefined;
      const countUsage = () => addUsage(usageBefore, end?.usage ?? estimateUsage(inputTokens, roundText, reasoning));
      while (end === undefined) {
        const step = await stream.next();
        if (step.type === 'text') {
          // White space before the first word is dropped; a later round starts a paragraph.
          const text = roundText === '' ? step.text.trimStart() : step.text;
          if (text === '') continue;
          const delta = roundText === '' && earlierText !== '' ? `\n\n${text}` : text;
          roundText += text;
          progress.text += delta;
          yield* reader.read(delta);
        } else if (step.type === 'reasoning') {
          reasoning += step.text;
          yield step;
        } else if (step.type === 'tool') calls.push(step.call);
        else end = step;
        progress.countUsage = countUsage;
      }
      yield* reader.end();
      if (end.reason === 'TOOLS' && !isLast) {
        messages.push(stream.assistantMessage, await toolRunner.run(calls));
        continue;
      }
      // After using a tool, a model is allowed to end without writing text.
      if (roundText === '' && progress.notice !== '') return yield* finishWithNotice(progress);
      if (progress.text === '') throw new AnswerFailure('ANSWER_FAILED', `The model wrote nothing: ${end.reason}.`);
      yield { type: 'finish', reason: end.reason === 'TOOLS' ? 'STOP' : end.reason, usage: progress.countUsage() };
      return;
    } finally {
      stream.close();
    }
  }
}

type ModelEnd = ModelStep & { type: 'finish' };

/** Ends an answer with the notices of the tools that have succeeded: the model then wrote nothing more, or failed. */
function* finishWithNotice({ text, notice, countUsage }: Progress, failure?: AnswerFailure): Generator<AnswerEvent> {
  yield { type: 'delta', text: text === '' ? notice : `\n\n${notice}` };
  yield { type: 'finish', reason: 'STOP', usage: countUsage(), ...(failure && { failure }) };
}

const nameOf = ({ provider, model }: ModelStream): ModelName => ({ provider, model });

function toFunctionTool({ name, description, parameters }: AnswerTool): LanguageModelV4FunctionTool {
  return { type: 'function', name, description, inputSchema: parameters };
}

/**
 * Creates a runner for a model's tool calls. It runs them one after the other, and never repeats a tool that has
 * succeeded. It returns the results as a message for the model.
 */
function createToolRunner(tools: readonly AnswerTool[], progress: Progress, signal: AbortSignal) {
  const succeededTools = new Set<string>();

  async function runTool({ toolName, input }: LanguageModelV4ToolCall): Promise<string> {
    const tool = tools.find(({ name }) => name === toolName);
    if (tool === undefined) return `There is no tool ${toolName}.`;
    if (succeededTools.has(toolName)) return 'This tool has succeeded already. It can be used only once.';
    if (signal.aborted) throw new AnswerFailure('PROVIDER_UNAVAILABLE', 'No time was left for a tool.');
    const { report, notice, hasSucceeded } = await tool.run(parseArguments(input));
    if (!hasSucceeded) return report;
    succeededTools.add(toolName);
    progress.hasToolSucceeded = true;
    progress.notice = [progress.notice, notice].filter(Boolean).join('\n\n');
    return report;
  }

  return {
    async run(calls: readonly LanguageModelV4ToolCall[]): Promise<LanguageModelV4Message> {
      const content = [];
      for (const [index, call] of calls.entries()) {
        const value = index < MAX_TOOL_CALLS ? await runTool(call) : 'Too many tools at once.';
        const { toolCallId, toolName } = call;
        content.push({ type: 'tool-result', toolCallId, toolName, output: { type: 'text', value } } as const);
      }
      return { role: 'tool', content };
    },
  };
}

/** Parses a tool's arguments; undefined when they are not JSON. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
