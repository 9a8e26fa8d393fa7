import {
  ApiKeyLimitError,
  ChatbotPausedError,
  ConversationBusyError,
  type FieldProblem,
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  QuotaExceededError,
  type ResultErrorCode,
  VisitorBlockedError,
} from '../src/domain/errors.ts';
import { MAX_ACTIVE_API_KEYS } from '../src/domain/shared-limits.ts';
import { builder } from './builder.ts';

/** Each code with its meaning. */
const MEANINGS: Readonly<Record<ResultErrorCode, string>> = {
  NOT_FOUND: 'The object with the given id does not exist or belongs to another account.',
  INVALID_INPUT: 'At least one input field breaks a rule.',
  CHATBOT_PAUSED: 'The chatbot is paused: its `isActive` is false.',
  ASSIGNEE_CHANGED: 'The conversation is not assigned to the person of `ifAssignee`.',
  CONVERSATION_BUSY: 'The conversation has an unfinished reply, and `whenBusy` was `REJECT`.',
  IDEMPOTENCY_CONFLICT: 'The `clientMessageId` was used for another request within the last 24 hours.',
  API_KEY_LIMIT: `The account has the maximum of ${MAX_ACTIVE_API_KEYS} active API keys.`,
  QUOTA_EXCEEDED: 'The account has used its monthly quota of replies.',
  VISITOR_BLOCKED: 'The account has blocked the visitor.',
};

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description:
    'The stable code of an `Error`, for programs. Top-level errors have further codes, as strings in `extensions.code`.',
  values: Object.fromEntries(Object.entries(MEANINGS).map(([code, description]) => [code, { description }])) as Record<
    ResultErrorCode,
    { description: string }
  >,
});

/** The interface of all errors in unions. */
export const ErrorInterface = builder
  .interfaceRef<{ readonly code: ResultErrorCode; readonly message: string }>('Error')
  .implement({
    description: 'An error that a client can act on. The mutation changed nothing.',
    fields: (t) => ({
      code: t.expose('code', { type: ErrorCodeEnum, description: 'The stable error code for programs.' }),
      message: t.exposeString('message', { description: 'The error as an English sentence.' }),
    }),
  });

/** Describes the type of an error by its code. */
export const describeError = (code: ResultErrorCode) => `${MEANINGS[code]} \`code\` is \`${code}\`.`;

const FieldProblemRef = builder.objectRef<FieldProblem>('FieldProblem').implement({
  description: 'A validation error of one input field.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      sessions: true,
      description: 'The path of the field inside `input`; empty if the error concerns the whole input.',
    }),
    message: t.exposeString('message', { sessions: true, description: 'The broken rule as an English sentence.' }),
  }),
});

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: describeError('NOT_FOUND'),
  interfaces: [ErrorInterface],
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: describeError('INVALID_INPUT'),
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
  description: describeError('CHATBOT_PAUSED'),
  interfaces: [ErrorInterface],
});

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: describeError('QUOTA_EXCEEDED'),
  interfaces: [ErrorInterface],
});

builder.objectType(VisitorBlockedError, {
  name: 'VisitorBlockedError',
  description: describeError('VISITOR_BLOCKED'),
  interfaces: [ErrorInterface],
});

builder.objectType(ConversationBusyError, {
  name: 'ConversationBusyError',
  description: describeError('CONVERSATION_BUSY'),
  interfaces: [ErrorInterface],
});

builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: describeError('IDEMPOTENCY_CONFLICT'),
  interfaces: [ErrorInterface],
});

builder.objectType(ApiKeyLimitError, {
  name: 'ApiKeyLimitError',
  description: describeError('API_KEY_LIMIT'),
  interfaces: [ErrorInterface],
});
