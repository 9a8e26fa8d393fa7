import type { FinishReason as FinishReasonName, MessageFailure } from '../../src/domain/entities.ts';
import { FAILURES } from '../../src/domain/failures.ts';
import type { Generation, TokenUsage } from '../../src/domain/usage.ts';
import { builder } from '../builder.ts';
import { MessageRef } from '../conversations/conversation.ts';
import { CONTENT } from '../scopes.ts';

const NANO = 1e-9;

/** US dollars, of billionths of them. */
export const toUsd = (nano: number): number => Number((nano * NANO).toFixed(9));

const FinishReason = builder.enumType('FinishReason', {
  description: 'Why a reply ended.',
  values: {
    STOP: { description: 'It was finished.' },
    LENGTH: { description: 'It became as long as it may.' },
    CONTENT_FILTER: { description: "The model's provider held it back." },
    ERROR: { description: 'Something failed.' },
    ABORTED: { description: 'It was stopped or interrupted.' },
  } satisfies Record<FinishReasonName, object>,
});

const TokenUsageRef = builder.objectRef<TokenUsage>('TokenUsage').implement({
  description: 'What a reply took.',
  fields: (t) => ({
    inputTokens: t.exposeInt('inputTokens', { description: 'Tokens that the engine was given.' }),
    cachedTokens: t.exposeInt('cachedTokens', { description: "Those of them that came from the provider's cache." }),
    outputTokens: t.exposeInt('outputTokens', { description: 'Tokens that it wrote.' }),
    reasoningTokens: t.exposeInt('reasoningTokens', { description: 'Those of them that were thoughts, not text.' }),
    isEstimated: t.exposeBoolean('isEstimated', {
      description: 'Whether they were counted here, by the length of the text, because no provider told.',
    }),
  }),
});

const GenerationRef = builder.objectRef<Generation>('Generation').implement({
  description: 'Who wrote a reply, and how.',
  fields: (t) => ({
    provider: t.exposeString('provider', {
      description: 'Who runs the model: that of the chatbot, or one that stood in for it.',
    }),
    model: t.exposeString('model', { nullable: true, description: 'The model; null where the provider has but one.' }),
    firstTokenMs: t.exposeInt('firstTokenMs', {
      nullable: true,
      description: 'Milliseconds from the start of the answer to its first text; null when there was none.',
    }),
    priceUsd: t.float({
      nullable: true,
      description:
        'What it cost in US dollars, by the prices that the gateway knows; null when it knows none for the model.',
      resolve: ({ priceNano }) => (priceNano === null ? null : toUsd(priceNano)),
    }),
  }),
});

/** Why an answer failed, in public words. */
export const MessageErrorRef = builder.objectRef<MessageFailure>('MessageError').implement({
  description: 'Why a reply failed.',
  fields: (t) => ({
    code: t.exposeString('code', {
      description: `The reason in a word that never changes: ${Object.entries(FAILURES)
        .map(([code, words]) => `\`${code}\` (${words.charAt(0).toLowerCase()}${words.slice(1, -1)})`)
        .join(', ')}.`,
    }),
    message: t.exposeString('message', { description: 'The reason in a sentence for people.' }),
  }),
});

builder.objectFields(MessageRef, (t) => ({
  finishReason: t.expose('finishReason', {
    type: FinishReason,
    nullable: true,
    description: 'Why the reply ended; null before that, and for other roles.',
  }),
  usage: t.expose('usage', {
    type: TokenUsageRef,
    nullable: true,
    description:
      'What the reply took, with the suggestions after it; null before its end, for other roles, and where it is not known.',
  }),
  generation: t.expose('generation', {
    type: GenerationRef,
    nullable: true,
    authScopes: { $any: { READ: true, MANAGE: true } },
    description:
      'Who wrote the reply, and at what price; null before its end, for other roles, and where it is not known. Needs `READ` or `MANAGE`.',
  }),
  reasoning: t.exposeString('reasoning', {
    nullable: true,
    authScopes: CONTENT,
    description:
      'What the model thought before it wrote; null before the end, where it thought nothing, and unless the chatbot shows it. Needs `READ` or `CHAT`.',
  }),
  error: t.expose('error', {
    type: MessageErrorRef,
    nullable: true,
    description: 'Why the reply failed; null unless it FAILED.',
  }),
}));
