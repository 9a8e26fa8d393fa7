import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { shouldCallModel } from '../answer/confidence.ts';
import { composePrompt } from '../answer/prompt.ts';
import { estimateMessageTokens, estimateTokens } from '../answer/tokens.ts';
import {
  READ_ONLY_LOOKUP,
  resolveTarget,
  type TargetInput,
  validateTarget,
} from '../conversations/conversation-target.ts';
import type { Deps } from '../deps.ts';
import type { ModelName } from '../domain/answering.ts';
import { clientIdText, parseInput, text } from '../domain/input.ts';
import { BUILTIN } from '../domain/providers.ts';
import { withDefaultModel } from '../models/families.ts';
import { composeQuestion } from '../replies/prepare-question.ts';
import { findShownBranchEnd } from '../store/branches.ts';

/** A lower and an upper bound, both inclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The estimated cost of answering a message. */
export interface MessageEstimate {
  /** The model that would answer; if the chatbot sets no model, the provider's default model. */
  readonly answeringModel: ModelName;
  readonly inputTokens: Range;
  readonly outputTokens: Range;
  /** The price in billionths of a US dollar; null when it is not known. */
  readonly priceNano: Range | null;
}

/** The relative error of estimated token counts, in both directions. */
const TOLERANCE = 0.25;

/** Every answer has at least one token. */
const MIN_OUTPUT_TOKENS = 1;

/**
 * Estimates the cost of answering a message now, without calling a model: it searches the sources and composes the
 * prompt as for a reply. The estimate excludes fallback models and tool calls; after tool calls, the gateway sends the
 * prompt again.
 * @throws InvalidInputError, NotFoundError
 */
export async function estimateMessage(
  deps: Pick<Deps, 'db' | 'clock' | 'bus' | 'background' | 'config' | 'prices' | 'embedder'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: TargetInput & { content: string },
): Promise<MessageEstimate> {
  const rules = z.object({ content: text(1, deps.config.maxMessageChars), sessionId: clientIdText.optional() });
  const { content, sessionId } = parseInput(rules, { content: input.content, sessionId: input.sessionId });
  validateTarget(input);
  const target = await resolveTarget(deps.db.read, accountId, { ...input, sessionId }, READ_ONLY_LOOKUP);
  const { conversation } = target;
  const parentId = (conversation && (await findShownBranchEnd(deps.db.read, accountId, conversation.id))) ?? null;
  const question = await composeQuestion(deps, target, { content, parentId });
  if (question.answeringModel.provider === BUILTIN || !shouldCallModel(question)) {
    const inputTokens = estimateTokens(content);
    return estimate(deps, { provider: BUILTIN, model: null }, { min: inputTokens, max: inputTokens });
  }
  const inputTokens = estimateMessageTokens(composePrompt(question).messages);
  return estimate(deps, withDefaultModel(question.answeringModel), {
    min: Math.floor(inputTokens * (1 - TOLERANCE)),
    max: Math.ceil(inputTokens * (1 + TOLERANCE)),
  });
}

function estimate(
  { config, prices }: Pick<Deps, 'config' | 'prices'>,
  answeringModel: ModelName,
  inputTokens: Range,
): MessageEstimate {
  const outputTokens = { min: MIN_OUTPUT_TOKENS, max: config.models.maxOutputTokens };
  const priceOf = (bound: 'min' | 'max') => {
    const usage = { inputTokens: inputTokens[bound], cachedTokens: 0, outputTokens: outputTokens[bound] };
    return prices.calculatePrice(answeringModel, usage);
  };
  const [min, max] = [priceOf('min'), priceOf('max')];
  const priceNano = min === null || max === null ? null : { min, max };
  return { answeringModel, inputTokens, outputTokens, priceNano };
}
