import {
  ApiKeyLimitError,
  ChatbotPausedError,
  ConversationBusyError,
  type FieldProblem,
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  QuotaExceededError,
} from '../src/domain/errors.ts';
import { MAX_ACTIVE_API_KEYS } from '../src/domain/limits.ts';
import { builder } from './builder.ts';

const ErrorInterface = builder.interfaceRef<{ code: string; message: string }>('Error').implement({
  description: 'A reason why a mutation did nothing, which the caller can act on.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The reason in a word that never changes, such as `NOT_FOUND`.' }),
    message: t.exposeString('message', { description: 'The reason in a sentence for people.' }),
  }),
});

const FieldProblemRef = builder.objectRef<FieldProblem>('FieldProblem').implement({
  description: 'One field of an input, and what is wrong with it.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'Where the field is inside `input`; empty for the input as a whole.',
    }),
    message: t.exposeString('message', { description: 'What is wrong, in a sentence.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'What an id names does not exist, or belongs to another account. `code` is `NOT_FOUND`.',
  interfaces: [ErrorInterface],
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'A field breaks its rules. Nothing was changed. `code` is `INVALID_INPUT`.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    fields: t.field({
      type: [FieldProblemRef],
      description: 'Every field at fault, at least one.',
      resolve: (error) => [...error.fields],
    }),
  }),
});

builder.objectType(ChatbotPausedError, {
  name: 'ChatbotPausedError',
  description: 'The chatbot is switched off. `code` is `CHATBOT_PAUSED`.',
  interfaces: [ErrorInterface],
});

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The replies of this month are used up. `code` is `QUOTA_EXCEEDED`.',
  interfaces: [ErrorInterface],
});

builder.objectType(ConversationBusyError, {
  name: 'ConversationBusyError',
  description: 'A reply is under way, and `whenBusy` was `REJECT`. `code` is `CONVERSATION_BUSY`.',
  interfaces: [ErrorInterface],
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The `clientMessageId` was used for another message. `code` is `IDEMPOTENCY_CONFLICT`.',
  interfaces: [ErrorInterface],
});

builder.objectType(ApiKeyLimitError, {
  name: 'ApiKeyLimitError',
  description: `The account has ${MAX_ACTIVE_API_KEYS} active keys already. \`code\` is \`API_KEY_LIMIT\`.`,
  interfaces: [ErrorInterface],
});
