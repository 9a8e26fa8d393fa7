import { MAX_FALLBACKS } from '../../src/chatbots/answering.ts';
import type { FinishReason as FinishReasonName, ReplyOutcome as ReplyOutcomeName } from '../../src/domain/entities.ts';
import { FAILURES, type FailureCode, type MessageFailure } from '../../src/domain/failures.ts';
import { fromJson } from '../../src/domain/json.ts';
import type { Generation, ModelAttempt, TokenUsage } from '../../src/domain/usage.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { MessageRef } from '../conversations/conversation.ts';
import { CONTENT_SCOPES } from '../scopes.ts';

const NANO = 1e-9;

/** Converts billionths of a US dollar to US dollars. */
export const toUsd = (nano: number): number => Number((nano * NANO).toFixed(9));

const FinishReason = builder.enumType('FinishReason', {
  description: 'The reason why a reply ended.',
  values: {
    STOP: { description: 'The reply is complete.' },
    LENGTH: { description: 'The reply reached the maximum length.' },
    CONTENT_FILTER: { description: "The provider's content filter withheld the reply." },
    ERROR: { description: 'The reply failed; see `error`.' },
    ABORTED: { description: 'The reply was stopped or interrupted.' },
  } satisfies Record<FinishReasonName, object>,
});

const ReplyOutcome = builder.enumType('ReplyOutcome', {
  description: 'The quality of a completed reply, as far as its text and its `confidence` show.',
  values: {
    ANSWERED: { description: 'An answer to a question that the sources clearly cover.' },
    UNSURE: {
      description:
        'An answer to a message that the sources cover in part or not at all: possibly wrong, or no answer from the sources, such as a greeting.',
    },
    FALLBACK: { description: 'The fallback message of the chatbot instead of an answer.' },
  } satisfies Record<ReplyOutcomeName, object>,
});

const TokenUsageRef = builder.objectRef<TokenUsage>('TokenUsage').implement({
  description: 'The tokens of a reply.',
  fields: (t) => ({
    inputTokens: t.exposeInt('inputTokens', { description: 'The tokens of the prompt, cached ones included.' }),
    cachedTokens: t.exposeInt('cachedTokens', {
      description: "The part of `inputTokens` that came from the provider's cache.",
    }),
    outputTokens: t.exposeInt('outputTokens', { description: 'The tokens that the model wrote, reasoning included.' }),
    reasoningTokens: t.exposeInt('reasoningTokens', { description: 'The part of `outputTokens` that was reasoning.' }),
    isEstimated: t.exposeBoolean('isEstimated', {
      description: 'True if the gateway estimated the counts from the text because the provider reported none.',
    }),
  }),
});

const ReplyErrorCode = builder.enumType('ReplyErrorCode', {
  description: 'The reason for a failed reply, or for a failed test of a provider.',
  values: Object.fromEntries(Object.entries(FAILURES).map(([code, description]) => [code, { description }])) as Record<
    FailureCode,
    { description: string }
  >,
});

/** The error of a failed reply, in the form that clients receive. */
export const MessageErrorRef = builder.objectRef<MessageFailure>('MessageError').implement({
  description: 'The error of a failed reply.',
  fields: (t) => ({
    code: t.expose('code', {
      type: ReplyErrorCode,
      sessions: true,
      description: 'The stable error code for programs.',
    }),
    message: t.exposeString('message', { sessions: true, description: 'The error as an English sentence.' }),
    detail: t.string({
      nullable: true,
      authScopes: { MANAGE: true },
      description:
        "The error in the provider's own words: one line of at most 500 characters without keys. Null where the provider said nothing, or the gateway did not keep it. Needs `MANAGE`.",
      resolve: ({ detail }) => detail ?? null,
    }),
  }),
});

const ModelAttemptRef = builder.objectRef<ModelAttempt>('ModelAttempt').implement({
  description: 'One model that was asked for a reply, with up to three requests to it.',
  fields: (t) => ({
    provider: t.exposeString('provider', {
      description: 'The provider of the model; `builtin` is the built-in engine.',
    }),
    model: t.exposeString('model', {
      nullable: true,
      description: 'The name of the model; null for `builtin`, and if neither the chatbot nor the provider names one.',
    }),
    error: t.expose('error', {
      type: MessageErrorRef,
      nullable: true,
      description: 'The error of the model; null if it wrote the reply, or was stopped.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'The time when the model was first asked.' }),
    durationMs: t.exposeInt('durationMs', {
      description:
        'The milliseconds until the model had written the reply, was stopped, or had failed for the last time.',
    }),
  }),
});

/** The model of the chatbot, its fallback models, and the built-in engine. */
const MAX_ATTEMPTS = MAX_FALLBACKS + 2;

const GenerationRef = builder.objectRef<Generation>('Generation').implement({
  description: 'The provider, model, latency and price of a reply.',
  fields: (t) => ({
    provider: t.exposeString('provider', {
      description: 'The provider that wrote the reply: that of the chatbot, or of a fallback model.',
    }),
    model: t.exposeString('model', {
      nullable: true,
      description: 'The name of the model; null for providers without models, such as `builtin`.',
    }),
    firstTokenMs: t.exposeInt('firstTokenMs', {
      nullable: true,
      description: 'The milliseconds from the start of the reply to its first text; null if it has no text.',
    }),
    priceUsd: t.float({
      nullable: true,
      description: "The price in US dollars by the gateway's price list; null if the list lacks the model.",
      resolve: ({ priceNano }) => (priceNano === null ? null : toUsd(priceNano)),
    }),
    attempts: t.field({
      type: [ModelAttemptRef],
      description: `The models that were asked, in order, so that the last one wrote the reply unless it failed; at most ${MAX_ATTEMPTS}. Empty for replies written before the gateway stored them.`,
      extensions: { listSize: () => MAX_ATTEMPTS } satisfies FieldExtensions,
      resolve: ({ attempts }) => (attempts === null ? [] : fromJson<ModelAttempt[]>(attempts)),
    }),
  }),
});

builder.objectFields(MessageRef, (t) => ({
  outcome: t.expose('outcome', {
    type: ReplyOutcome,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    description:
      'The quality of a COMPLETED reply by its sources; null for other messages, and for replies written before the gateway stored outcomes. Needs `READ` or `CHAT`.',
  }),
  confidence: t.exposeFloat('confidence', {
    nullable: true,
    authScopes: CONTENT_SCOPES,
    description:
      'The estimated probability, 0 to 1, that the sources answer the question. Null until the reply ends, if it ended before the search, for messages of other roles, and for replies written before the gateway stored it. Needs `READ` or `CHAT`.',
  }),
  finishReason: t.expose('finishReason', {
    type: FinishReason,
    nullable: true,
    sessions: true,
    description: 'The reason why the reply ended; null until it ends, and for messages of other roles.',
  }),
  usage: t.expose('usage', {
    type: TokenUsageRef,
    nullable: true,
    description:
      'The tokens of the reply, follow-up questions included; null until it ends, for messages of other roles, and where not known.',
  }),
  generation: t.expose('generation', {
    type: GenerationRef,
    nullable: true,
    authScopes: { $any: { READ: true, MANAGE: true } },
    description:
      'The provider, model and price of the reply; null until it ends, for messages of other roles, and where not known. Needs `READ` or `MANAGE`.',
  }),
  reasoning: t.exposeString('reasoning', {
    nullable: true,
    authScopes: CONTENT_SCOPES,
    description:
      'The reasoning of the model; null until the reply ends, if the model gave none, and if `showsReasoning` of the chatbot was false. Needs `READ` or `CHAT`.',
  }),
  error: t.expose('error', {
    type: MessageErrorRef,
    nullable: true,
    sessions: true,
    description: 'The error of a FAILED reply; else null.',
  }),
}));
