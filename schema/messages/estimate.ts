import { BadUserInputError, InvalidInputError } from '../../src/domain/errors.ts';
import { estimateMessage, type MessageEstimate, type Range } from '../../src/messages/estimate-message.ts';
import { builder } from '../builder.ts';
import { toUsd } from './generation.ts';

const TokenRange = builder.objectRef<Range>('TokenRange').implement({
  description: 'A lower and an upper bound of a number of tokens.',
  fields: (t) => ({
    min: t.exposeInt('min', { description: 'The lower bound.' }),
    max: t.exposeInt('max', { description: 'The upper bound.' }),
  }),
});

const PriceRange = builder.objectRef<Range>('PriceRange').implement({
  description: 'A lower and an upper bound of a price.',
  fields: (t) => ({
    minUsd: t.float({ description: 'The lower bound in US dollars.', resolve: ({ min }) => toUsd(min) }),
    maxUsd: t.float({ description: 'The upper bound in US dollars.', resolve: ({ max }) => toUsd(max) }),
  }),
});

const MessageEstimateRef = builder.objectRef<MessageEstimate>('MessageEstimate').implement({
  description: 'The estimated cost of a message if it were sent now.',
  fields: (t) => ({
    provider: t.string({
      description:
        'The provider that would answer; `builtin` also if the sources do not cover the question, so that no model is asked.',
      resolve: ({ answeringModel }) => answeringModel.provider,
    }),
    model: t.string({
      nullable: true,
      description: 'The name of the model, also if it is the default of the provider; null for `builtin`.',
      resolve: ({ answeringModel }) => answeringModel.model,
    }),
    inputTokens: t.expose('inputTokens', {
      type: TokenRange,
      description: 'The tokens of the prompt: instructions, passages, earlier messages and the message itself.',
    }),
    outputTokens: t.expose('outputTokens', {
      type: TokenRange,
      description: 'The tokens of the reply: at most `MODEL_MAX_OUTPUT_TOKENS`, usually far less.',
    }),
    price: t.expose('priceNano', {
      type: PriceRange,
      nullable: true,
      description: 'The price of these tokens; null if the price of the model is not known.',
    }),
  }),
});

const EstimateMessageInput = builder.inputType('EstimateMessageInput', {
  description:
    'The message to estimate. Exactly one of `chatbotId` and `conversationId` is required, as in `sendMessage`.',
  fields: (t) => ({
    chatbotId: t.id({
      description: 'The chatbot: the message would go to the conversation named by `sessionId`, or to a new one.',
    }),
    conversationId: t.id({ description: 'The conversation that the message would continue.' }),
    sessionId: t.string({ description: 'The name of a conversation of the chatbot. Only with `chatbotId`.' }),
    content: t.string({
      required: true,
      description: 'The text: 1 to `MAX_MESSAGE_CHARS` characters (8,000 by default) after trimming.',
    }),
  }),
});

builder.queryField('estimateMessage', (t) =>
  t.field({
    type: MessageEstimateRef,
    allowsRestricted: true,
    authScopes: { $any: { READ: true, MANAGE: true } },
    description:
      'Estimates the cost of a message without sending it or asking a model. Covers one request to the model, without tools and fallback models. Errors: `NOT_FOUND`, `BAD_USER_INPUT`. Needs `READ` or `MANAGE`.',
    args: {
      input: t.arg({ type: EstimateMessageInput, required: true, description: 'The message to estimate.' }),
    },
    resolve: async (_root, { input }, { deps, viewer }) => {
      try {
        return await estimateMessage(deps, viewer, input);
      } catch (error) {
        throw error instanceof InvalidInputError ? new BadUserInputError(error.message) : error;
      }
    },
  }),
);
