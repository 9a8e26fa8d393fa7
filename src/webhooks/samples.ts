import { FAILURES } from '../domain/failures.ts';
import { createId } from '../domain/ids.ts';
import { toJson } from '../domain/json.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import type { WebhookEvent, WebhookEventName } from '../domain/webhooks.ts';

/** The description of a webhook event, which says when it is sent, and sample data for its body. */
interface Sample {
  readonly description: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const CHATBOT_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43';
const SOURCE_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c44';
const MESSAGE_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c47';
const AT = toTimestamp(Date.parse('2026-03-15T10:30:00.123Z'));

const CONVERSATION = {
  conversation_id: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c46',
  session_id: 'visitor-42',
  channel: 'chat_page',
} as const;
const { channel, ...CONVERSATION_IDS } = CONVERSATION;

/**
 * Every event with its sample, in the form that `conversations/outbox-events.ts` and the other event sources produce.
 */
export const WEBHOOK_SAMPLES: Readonly<Record<WebhookEventName, Sample>> = {
  LEAD_CAPTURED: {
    description: 'A visitor has left contact details.',
    data: {
      lead_id: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c48',
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      phone: '',
      custom_data: { company: 'Analytical Engines' },
    },
  },
  CONVERSATION_STARTED: {
    description: 'A new conversation has started with its first message.',
    data: { ...CONVERSATION_IDS, channel },
  },
  MESSAGE_RECEIVED: {
    description: 'A visitor has sent a message. For a first message, `conversation.started` precedes it.',
    data: { ...CONVERSATION_IDS, message_id: MESSAGE_ID, message: 'When do you open on Sundays?', channel },
  },
  CONVERSATION_ESCALATED: {
    description: 'A conversation was escalated to a person. Sent once for each conversation.',
    data: { ...CONVERSATION, reason: 'The visitor asked for a person.', escalated_at: AT },
  },
  MESSAGE_COMPLETED: {
    description: 'A reply of the chatbot is complete. `message` has the first 4,000 characters of its text.',
    data: {
      ...CONVERSATION,
      message_id: MESSAGE_ID,
      message: 'On Sundays we open at 10.',
      is_truncated: false,
      finish_reason: 'stop',
      provider: 'builtin',
      model: null,
      source_ids: [SOURCE_ID],
    },
  },
  MESSAGE_FAILED: {
    description: 'A reply of the chatbot has failed.',
    data: {
      ...CONVERSATION,
      message_id: MESSAGE_ID,
      error: { code: 'PROVIDER_UNAVAILABLE', message: FAILURES.PROVIDER_UNAVAILABLE },
    },
  },
  MESSAGE_RATED: {
    description: "A visitor has rated a reply or a person's message.",
    data: { ...CONVERSATION, message_id: MESSAGE_ID, rating: 'up' },
  },
  CONVERSATION_ASSIGNED: {
    description: 'A conversation was assigned to a person, or unassigned: `assignee` is null then.',
    data: { ...CONVERSATION, assignee: 'grace@example.com' },
  },
  CONVERSATION_CLOSED: { description: 'A conversation was closed.', data: CONVERSATION },
  HANDOFF_ENDED: { description: 'A conversation was handed back to the chatbot.', data: CONVERSATION },
  SOURCE_DONE: {
    description: 'A source was read, and the chatbot answers from it.',
    data: { source_id: SOURCE_ID, title: 'Opening hours', type: 'text', page_count: 1 },
  },
  SOURCE_FAILED: {
    description: 'A source could not be read; `error` has the reason.',
    data: { source_id: SOURCE_ID, title: 'Opening hours', type: 'url', error: 'The page was not found.' },
  },
  QUOTA_WARNING: {
    description: 'The account has used 80 or 100 percent of its monthly quota. `chatbot_id` is null.',
    data: { month: '2026-03', percent: 80, used: 800, limit: 1_000 },
  },
  WEBHOOK_DISABLED: {
    description: 'The gateway has disabled a subscription because deliveries failed for days or its endpoint is gone.',
    data: {
      subscription_id: '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c49',
      description: 'Our CRM',
      reason: 'Nothing could be delivered for 120 hours.',
    },
  },
};

/** Returns the chatbot of a sample: the given one if events of this name belong to a chatbot, otherwise null. */
export function chatbotIdOfSample(name: WebhookEventName, chatbotId: string | null): string | null {
  return name === 'QUOTA_WARNING' ? null : chatbotId;
}

/** Returns the chatbot and the time of a sample that is only displayed, never sent. */
export function displayedSampleContext(name: WebhookEventName): { chatbotId: string | null; at: Timestamp } {
  return { chatbotId: chatbotIdOfSample(name, CHATBOT_ID), at: AT };
}

/** Creates a sample event, which refers to nothing that exists. */
export function createSample(
  name: WebhookEventName,
  context: Pick<WebhookEvent, 'accountId' | 'chatbotId' | 'at'>,
): WebhookEvent {
  return {
    id: createId('webhookEvent'),
    ...{ ...context, name },
    ...{ conversationId: null, messageId: null, leadId: null, sourceId: null },
    data: toJson(WEBHOOK_SAMPLES[name].data),
  };
}
