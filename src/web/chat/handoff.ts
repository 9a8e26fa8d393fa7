import type { Chat } from './chat.ts';
import {
  CaptureLeadDocument,
  EscalateDocument,
  LeadFormDocument,
  type LeadFormQuery,
  SetTypingDocument,
} from './documents.ts';
import { payloadOf } from './graph.ts';

/** What a chatbot asks visitors for who want to talk to a person. */
export type LeadForm = NonNullable<LeadFormQuery['chatbot']>['leadForm'];

const STANDARD = new Set(['name', 'email', 'phone']);
/** Less than the gateway takes someone to be typing without hearing of it again. */
const TYPING_INTERVAL_MS = 4_000;

/** Reads what the chatbot asks for; a form without fields where it asks for nothing. */
export async function readLeadForm({ graph, chatbot: { id } }: Chat): Promise<LeadForm> {
  const { chatbot } = await graph.ask(LeadFormDocument, { chatbotId: id });
  return chatbot?.leadForm ?? { title: '', fields: [] };
}

/**
 * Asks for a person, after leaving what the visitor has filled in.
 * @param values what was filled in, by the names of the fields; empty ones are left out.
 * @throws UnreachableError, RefusedError
 */
export async function askForPerson({ graph, store }: Chat, values: Readonly<Record<string, string>>): Promise<void> {
  const conversationId = store.state.conversation?.id;
  if (conversationId === undefined) return;
  const filled = Object.entries(values).filter(([, value]) => value.trim() !== '');
  if (filled.length > 0) {
    const known = Object.fromEntries(filled.filter(([name]) => STANDARD.has(name)));
    const customData = Object.fromEntries(filled.filter(([name]) => !STANDARD.has(name)));
    const input = { conversationId, ...known, ...(Object.keys(customData).length > 0 && { customData }) };
    payloadOf((await graph.ask(CaptureLeadDocument, { input })).captureLead);
  }
  const { escalateConversation } = await graph.ask(EscalateDocument, { conversationId });
  store.update({ conversation: payloadOf(escalateConversation).conversation });
}

/** Makes what tells a person that the visitor is typing: seldom, and only where a person answers. */
export function createTypingNotifier({ graph, store }: Chat): () => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    const { conversation } = store.state;
    if (conversation?.answeredBy !== 'PERSON' || performance.now() - toldAt < TYPING_INTERVAL_MS) return;
    toldAt = performance.now();
    // Nothing is lost when it does not arrive.
    graph.ask(SetTypingDocument, { conversationId: conversation.id, isTyping: true }).catch(() => {});
  };
}
