import { expect } from 'vitest';
import { collectTexts, describeMessageEvents, endsMessage } from '../helpers/conversations.ts';
import type { StoredState } from '../helpers/killable-gateway.ts';
import type { StreamEvent } from '../helpers/streams.ts';
import { ANSWERS } from './questions.ts';
import { type Conversation, hasReceivedEnd } from './resilient-client.ts';

/** The age at which text must have been saved: checkpoints come every second, and a busy machine may add a second. */
const SAVED_WITHIN_MS = 2_000;

/** Converts a stored time to a Unix time in milliseconds. */
export const timeOf = (at: string | null | undefined) => Date.parse(at ?? '');

/** Adds the messages by id, the replies, and their expected texts to the stored rows. */
export function indexState(state: StoredState) {
  const messagesById = new Map(state.messages.map((row) => [row.id, row]));
  const replies = state.messages.filter(({ role }) => role === 'ASSISTANT');
  const questionOf = (id: string) => messagesById.get(messagesById.get(id)?.parent_id ?? '')?.content ?? '';
  const expectedTextOf = (id: string) => ANSWERS.get(questionOf(id)) ?? '';
  return { ...state, messagesById, replies, expectedTextOf };
}

/** The result of `indexState`. */
export type IndexedState = ReturnType<typeof indexState>;

/** Checks that the event numbers of each conversation and of the chatbot have no gaps. */
export function expectGaplessLog({ events, conversations }: IndexedState): void {
  for (const { id, last_event } of conversations) {
    const ownEvents = events.filter(({ conversation_id }) => conversation_id === id);
    expect(ownEvents.map(({ number }) => number)).toEqual(ownEvents.map((_, index) => index + 1));
    expect(last_event).toBe(ownEvents.length);
  }
  const chatbotNumbers = events.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  expect(chatbotNumbers).toEqual(chatbotNumbers.map((_, index) => index + 1));
}

/** Checks that each conversation's replies started in the order of their messages. */
export function expectStartedInOrder({ events, conversations }: IndexedState): void {
  const starts = events.filter(
    ({ type, status }) => type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING'),
  );
  for (const { id } of conversations) {
    const started = starts.flatMap(({ conversation_id, message_id }) => (conversation_id === id ? message_id : []));
    expect(started).toEqual([...started].sort());
  }
}

/** The error codes of an unavailable gateway, over GraphQL and over REST. */
const UNAVAILABLE_CODES: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', '503']);

const END_EVENTS = { COMPLETED: 'MessageCompleted', STOPPED: 'MessageStopped', INTERRUPTED: 'MessageInterrupted' };

/** Checks that no message or event of a conversation is lost, duplicated or out of order. */
export function expectAllStored({ messages, events }: IndexedState, { conversationId, sent }: Conversation): void {
  const ownMessages = messages.filter(({ conversation_id }) => conversation_id === conversationId);
  expect(ownMessages.map(({ id }) => id)).toEqual(sent.flatMap(({ messageId, replyId }) => [messageId, replyId]));
  expect(ownMessages.filter(({ role }) => role === 'USER').map(({ content }) => content)).toEqual(
    sent.map(({ input }) => input.content),
  );
  for (const { id, role, status } of ownMessages) {
    const types = events.filter(({ message_id }) => message_id === id).map(({ type }) => type);
    const end = END_EVENTS[status as keyof typeof END_EVENTS];
    expect(end, `${id} ${status}`).toBeDefined();
    if (role === 'USER') expect(types).toEqual(['MessageCreated']);
    else expect(types.join()).toMatch(new RegExp(`^MessageCreated(,MessageStarted)?,${end}$`));
  }
}

/** Checks the events that a reader received of a reply. After a kill, the database may lack the latest part. */
function expectReceived(state: IndexedState, events: readonly StreamEvent[], id: string, killedAt: number): void {
  const { messagesById, expectedTextOf } = state;
  const { status = '', content = '', citations = '[]' } = messagesById.get(id) ?? {};
  const [end, ...more] = events.filter((event) => endsMessage(event, id));
  expect([end?.__typename, end?.message?.status, end?.message?.content, more]).toEqual([
    END_EVENTS[status as keyof typeof END_EVENTS],
    status,
    content,
    [],
  ]);
  const text = collectTexts(events)[id] ?? '';
  const quotes = events.flatMap((event) => (event.messageId === id ? (event.citation?.quote ?? []) : []));
  const savedQuotes = JSON.parse(citations).map(({ quote }: { quote: string }) => quote);
  const fullText = expectedTextOf(id);
  expect(text).toBe(status === 'COMPLETED' ? fullText : fullText.slice(0, text.length));
  // A reply with a stop request becomes STOPPED even if a kill interrupted it.
  if (status !== 'INTERRUPTED' && killedAt === 0) {
    expect([text, quotes]).toEqual([content, savedQuotes]);
    return;
  }
  expect(text.slice(0, content.length)).toBe(content);
  expect(quotes.slice(0, savedQuotes.length)).toEqual(savedQuotes);
  for (const { messageId, at, offset = 0, text: piece = '' } of events) {
    if (messageId !== id || timeOf(at) > killedAt - SAVED_WITHIN_MS) continue;
    expect(offset + piece.length).toBeLessThanOrEqual(content.length);
  }
}

/**
 * Checks the events that each reader of a conversation, or of one of its replies, received.
 * @param killedAt when the process that generated a reply was killed; 0 if it was not killed.
 */
export function expectAllReceived(
  state: IndexedState,
  conversation: Conversation,
  killedAt: (replyId: string) => number,
): void {
  const { conversationId, sent, readers, replyReaders } = conversation;
  const log = state.events.filter(({ conversation_id }) => conversation_id === conversationId);
  const loggedEvents = log.map(({ type, message_id }) => `${type} ${message_id}`);
  // The readers subscribed while the first reply was being generated.
  for (const { events } of readers) expect(describeMessageEvents(events)).toEqual(loggedEvents.slice(1));
  for (const { events, errors } of [...readers, ...replyReaders.values()]) {
    expect(errors.filter((code) => !UNAVAILABLE_CODES.has(code))).toEqual([]);
    expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
  }
  for (const { replyId } of sent) {
    const replyEvents = replyReaders.get(replyId)?.events ?? [];
    expect(describeMessageEvents(replyEvents).join()).toMatch(/^MessageCreated [^,]+(,MessageStarted [^,]+)?,[^,]+$/);
    for (const events of [replyEvents, ...readers.map((reader) => reader.events)]) {
      expectReceived(state, events, replyId, killedAt(replyId));
    }
  }
}

/** Whether all readers of a conversation have received the end of every reply. */
export function hasReceivedAllEnds({ sent, readers, replyReaders }: Conversation): boolean {
  return sent.every(({ replyId }) => {
    const replyReader = replyReaders.get(replyId);
    return replyReader !== undefined && [replyReader, ...readers].every((reader) => hasReceivedEnd(reader, replyId));
  });
}
