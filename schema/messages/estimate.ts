import { BadUserInputError, InvalidInputError } from '../../src/domain/errors.ts';
import { estimateMessage, type MessageEstimate, type Range } from '../../src/messages/estimate-message.ts';
import { builder } from '../builder.ts';
import { toUsd } from './generation.ts';

const TokenRange = builder.objectRef<Range>('TokenRange').implement({
  description: 'The least and the most tokens that something may take.',
  fields: (t) => ({
    min: t.exposeInt('min', { description: 'The least.' }),
    max: t.exposeInt('max', { description: 'The most.' }),
  }),
});

const PriceRange = builder.objectRef<Range>('PriceRange').implement({
  description: 'The least and the most that something may cost.',
  fields: (t) => ({
    minUsd: t.float({ description: 'The least, in US dollars.', resolve: ({ min }) => toUsd(min) }),
    maxUsd: t.float({ description: 'The most, in US dollars.', resolve: ({ max }) => toUsd(max) }),
  }),
});

const MessageEstimateRef = builder.objectRef<MessageEstimate>('MessageEstimate').implement({
  description: 'What a message would cost if it was sent now.',
  fields: (t) => ({
    provider: t.string({
      description:
        'Who would answer: `builtin` also where the sources are not about the question, and no model is asked.',
      resolve: ({ author }) => author.provider,
    }),
    model: t.string({
      nullable: true,
      description: 'The model, the default of the provider by its name; null for `builtin`.',
      resolve: ({ author }) => author.model,
    }),
    inputTokens: t.expose('inputTokens', {
      type: TokenRange,
      description: 'What the model would be given: instructions, sources, earlier turns and the message.',
    }),
    outputTokens: t.expose('outputTokens', {
      type: TokenRange,
      description: 'What it may write: at most what `MODEL_MAX_OUTPUT_TOKENS` allows, as a rule far less.',
    }),
    price: t.expose('priceNano', {
      type: PriceRange,
      nullable: true,
      description: 'What that costs; null when the price of the model is not known.',
    }),
  }),
});

const EstimateMessageInput = builder.inputType('EstimateMessageInput', {
  description: 'What would be said, and where: exactly one of `chatbotId` and `conversationId`, as in `sendMessage`.',
  fields: (t) => ({
    chatbotId: t.id({ description: 'To this chatbot, in a new conversation or the one named by `sessionId`.' }),
    conversationId: t.id({ description: 'In this conversation.' }),
    sessionId: t.string({ description: 'Names a conversation within the chatbot. Only with `chatbotId`.' }),
    content: t.string({ required: true, description: 'The message: 1 to 8,000 characters.' }),
  }),
});

builder.queryField('estimateMessage', (t) =>
  t.field({
    type: MessageEstimateRef,
    authScopes: { $any: { READ: true, MANAGE: true } },
    description:
      'Says what a message would cost, without sending it and without asking a model: one question to it, no tools, no fallbacks. Errors: `NOT_FOUND`, `BAD_USER_INPUT`. Needs `READ` or `MANAGE`.',
    args: {
      input: t.arg({ type: EstimateMessageInput, required: true, description: 'What would be said, and where.' }),
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
