import type { Chat } from './chat.ts';
import {
  CaptureLeadDocument,
  EscalateDocument,
  LeadFormDocument,
  type LeadFormQuery,
  SetTypingDocument,
} from './documents.ts';
import { payloadOf } from './graphql-client.ts';

/** The form that a visitor fills in before talking to a person. */
export type LeadForm = NonNullable<LeadFormQuery['chatbot']>['leadForm'];

/** The fields that have their own argument in `captureLead`; the others are custom data. */
const STANDARD_FIELDS = new Set(['name', 'email', 'phone']);
/** Shorter than the time after which the gateway ends a typing indicator. */
const TYPING_INTERVAL_MS = 4_000;

/** Reads the chatbot's lead form, which may have no fields. */
export async function readLeadForm({ client, chatbot: { id } }: Chat): Promise<LeadForm> {
  const { chatbot } = await client.request(LeadFormDocument, { chatbotId: id });
  return chatbot?.leadForm ?? { title: '', fields: [] };
}

/**
 * Requests a person, after storing the values that the visitor has filled in.
 * @param values the values by field name; empty ones are left out.
 * @throws UnreachableError, RefusedError
 */
export async function requestHandoff({ client, store }: Chat, values: Readonly<Record<string, string>>): Promise<void> {
  const conversationId = store.state.conversation?.id;
  if (conversationId === undefined) return;
  const filledValues = Object.entries(values).filter(([, value]) => value.trim() !== '');
  if (filledValues.length > 0) {
    const standardValues = Object.fromEntries(filledValues.filter(([name]) => STANDARD_FIELDS.has(name)));
    const customData = Object.fromEntries(filledValues.filter(([name]) => !STANDARD_FIELDS.has(name)));
    const input = { conversationId, ...standardValues, ...(Object.keys(customData).length > 0 && { customData }) };
    payloadOf((await client.request(CaptureLeadDocument, { input })).captureLead);
  }
  const { escalateConversation } = await client.request(EscalateDocument, { conversationId });
  store.update({ conversation: payloadOf(escalateConversation).conversation });
}

/** Creates a function that notifies the answering person, at intervals, that the visitor is typing. */
export function createTypingNotifier({ client, store }: Chat): () => void {
  let notifiedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const { conversation } = store.state;
    if (conversation?.answeredBy !== 'AGENT' || performance.now() - notifiedAt < TYPING_INTERVAL_MS) return;
    notifiedAt = performance.now();
    // A lost notification does no harm.
    client.request(SetTypingDocument, { conversationId: conversation.id, isTyping: true }).catch(() => {});
  };
}
