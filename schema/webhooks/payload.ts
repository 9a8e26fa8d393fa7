import type { WebhookEvent as WebhookEventData, WebhookEventName } from '../../src/domain/webhooks.ts';
import { WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { LeadRef } from '../chatbots/lead.ts';
import { ConversationRef, MessageRef } from '../conversations/conversation.ts';
import { parseForResponse } from '../scalars.ts';
import { SourceRef } from '../sources/source.ts';
import { WebhookEventType } from './event.ts';

type PayloadRef = ReturnType<typeof builder.objectRef<WebhookEventData>>;
type ObjectKind = 'conversation' | 'message' | 'lead' | 'source';

/** The GraphQL type of each event, and the kinds of the objects it refers to. */
const EVENT_TYPES: Readonly<Record<WebhookEventName, readonly [name: string, ...objectKinds: ObjectKind[]]>> = {
  LEAD_CAPTURED: ['LeadCapturedWebhook', 'lead', 'conversation'],
  CONVERSATION_STARTED: ['ConversationStartedWebhook', 'conversation'],
  MESSAGE_RECEIVED: ['MessageReceivedWebhook', 'message', 'conversation'],
  CONVERSATION_ESCALATED: ['ConversationEscalatedWebhook', 'conversation'],
  MESSAGE_COMPLETED: ['MessageCompletedWebhook', 'message', 'conversation'],
  MESSAGE_FAILED: ['MessageFailedWebhook', 'message', 'conversation'],
  MESSAGE_RATED: ['MessageRatedWebhook', 'message', 'conversation'],
  CONVERSATION_ASSIGNED: ['ConversationAssignedWebhook', 'conversation'],
  CONVERSATION_CLOSED: ['ConversationClosedWebhook', 'conversation'],
  HANDOFF_ENDED: ['HandoffEndedWebhook', 'conversation'],
  SOURCE_DONE: ['SourceDoneWebhook', 'source'],
  SOURCE_FAILED: ['SourceFailedWebhook', 'source'],
  QUOTA_WARNING: ['QuotaWarningWebhook'],
  WEBHOOK_DISABLED: ['WebhookDisabledWebhook'],
};

/**
 * The only scope that documents run with. A credential that saves or tests a document needs this scope too, for the
 * fields that the document selects.
 */
const READ_SCOPE = { READ: true } as const;

/** Loads the object with an id; null without an id, and for a deleted object. */
const loadOrNull = async <T>(loader: { load(id: string): Promise<T | undefined> }, id: string | null) =>
  (id !== null && (await loader.load(id))) || null;

const WebhookPayload = builder.interfaceRef<WebhookEventData>('WebhookPayload').implement({
  description: 'A webhook event. Its objects are read when the body is built, directly before the first attempt.',
  resolveType: ({ name }) => EVENT_TYPES[name][0],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the event, sent as the header `webhook-id`.' }),
    type: t.expose('name', { type: WebhookEventType, description: 'The type of the event.' }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the event.' }),
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      authScopes: READ_SCOPE,
      description:
        'The chatbot of the event; null if it has been deleted, and for events of the account. Needs `READ`.',
      resolve: ({ chatbotId }, _args, { loaders }) => loadOrNull(loaders.chatbot, chatbotId),
    }),
    data: t.field({
      type: 'JSON',
      authScopes: READ_SCOPE,
      description:
        'The `data` of the default body, recorded at the time of the event: see `webhookEvents` of the public schema. Needs `READ`.',
      resolve: ({ data }) => parseForResponse(data),
    }),
  }),
});

const OBJECT_FIELDS = {
  conversation: (ref: PayloadRef) =>
    builder.objectField(ref, 'conversation', (t) =>
      t.field({
        type: ConversationRef,
        nullable: true,
        authScopes: READ_SCOPE,
        description:
          'The conversation in its current state; null if it has been deleted, and in samples. Needs `READ`.',
        resolve: ({ conversationId }, _args, { loaders }) => loadOrNull(loaders.conversation, conversationId),
      }),
    ),
  message: (ref: PayloadRef) =>
    builder.objectField(ref, 'message', (t) =>
      t.field({
        type: MessageRef,
        nullable: true,
        authScopes: READ_SCOPE,
        description: 'The message in its current state; null if it has been deleted, and in samples. Needs `READ`.',
        resolve: ({ messageId }, _args, { loaders }) => loadOrNull(loaders.message, messageId),
      }),
    ),
  lead: (ref: PayloadRef) =>
    builder.objectField(ref, 'lead', (t) =>
      t.field({
        type: LeadRef,
        nullable: true,
        authScopes: READ_SCOPE,
        description: 'The lead; null if it has been deleted, and in samples. Needs `READ`.',
        resolve: ({ leadId }, _args, { loaders }) => loadOrNull(loaders.lead, leadId),
      }),
    ),
  source: (ref: PayloadRef) =>
    builder.objectField(ref, 'source', (t) =>
      t.field({
        type: SourceRef,
        nullable: true,
        authScopes: READ_SCOPE,
        description: 'The source in its current state; null if it has been deleted, and in samples. Needs `READ`.',
        resolve: ({ sourceId }, _args, { loaders }) => loadOrNull(loaders.source, sourceId),
      }),
    ),
} satisfies Record<ObjectKind, (ref: PayloadRef) => void>;

for (const [event, [name, ...objectKinds]] of Object.entries(EVENT_TYPES)) {
  const ref = builder.objectRef<WebhookEventData>(name);
  ref.implement({
    description: WEBHOOK_SAMPLES[event as WebhookEventName].description,
    interfaces: [WebhookPayload],
  });
  for (const kind of objectKinds) OBJECT_FIELDS[kind](ref);
}
