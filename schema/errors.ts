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
import { MAX_ACTIVE_API_KEYS } from '../src/domain/shared-limits.ts';
import { builder } from './builder.ts';

/** The interface of all errors in unions. */
export const ErrorInterface = builder.interfaceRef<{ code: string; message: string }>('Error').implement({
  description: 'An error that a client can act on. The mutation changed nothing.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The stable error code for programs, such as `NOT_FOUND`.' }),
    message: t.exposeString('message', { description: 'The error as an English sentence.' }),
  }),
});

const FieldProblemRef = builder.objectRef<FieldProblem>('FieldProblem').implement({
  description: 'A validation error of one input field.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'The path of the field inside `input`; empty if the error concerns the whole input.',
    }),
    message: t.exposeString('message', { description: 'The broken rule as an English sentence.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'The object with the given id does not exist or belongs to another account. `code` is `NOT_FOUND`.',
  interfaces: [ErrorInterface],
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'At least one input field breaks a rule. `code` is `INVALID_INPUT`.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    fields: t.field({
      type: [FieldProblemRef],
      description: 'All invalid fields, at least one.',
      resolve: (error) => [...error.fields],
    }),
  }),
});

builder.objectType(ChatbotPausedError, {
  name: 'ChatbotPausedError',
  description: 'The chatbot is paused: its `isActive` is false. `code` is `CHATBOT_PAUSED`.',
  interfaces: [ErrorInterface],
});

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The account has used its monthly quota of replies. `code` is `QUOTA_EXCEEDED`.',
  interfaces: [ErrorInterface],
});

builder.objectType(ConversationBusyError, {
  name: 'ConversationBusyError',
  description: 'The conversation has an unfinished reply, and `whenBusy` was `REJECT`. `code` is `CONVERSATION_BUSY`.',
  interfaces: [ErrorInterface],
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description:
    'The `clientMessageId` was used for another request within the last 24 hours. `code` is `IDEMPOTENCY_CONFLICT`.',
  interfaces: [ErrorInterface],
});

builder.objectType(ApiKeyLimitError, {
  name: 'ApiKeyLimitError',
  description: `The account has the maximum of ${MAX_ACTIVE_API_KEYS} active API keys. \`code\` is \`API_KEY_LIMIT\`.`,
  interfaces: [ErrorInterface],
});
