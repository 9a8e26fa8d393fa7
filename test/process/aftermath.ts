import { expect } from 'vitest';
import { collectTexts, describeMessageEvents, endsMessage } from '../helpers/conversations.ts';
import type { StoredState } from '../helpers/killable-gateway.ts';
import type { StreamEvent } from '../helpers/streams.ts';
import { ANSWERS } from './questions.ts';
import { type Conversation, hasEnded } from './talk.ts';

/** The age after which text must be saved: checkpoints come every second, plus a second for a busy machine. */
const SAVED_WITHIN_MS = 2_000;

/** Converts a stored time to a Unix time in milliseconds. */
export const timeOf = (at: string | null | undefined) => Date.parse(at ?? '');

/** Adds the messages by id, the replies, and the expected answers to the stored rows. */
export function arrange(store: StoredState) {
  const byId = new Map(store.messages.map((row) => [row.id, row]));
  const replies = store.messages.filter(({ role }) => role === 'ASSISTANT');
  const expectedTextOf = (id: string) => ANSWERS.get(byId.get(byId.get(id)?.parent_id ?? '')?.content ?? '') ?? '';
  return { ...store, byId, replies, expectedTextOf };
}

/** The result of `arrange`. */
export type Arranged = ReturnType<typeof arrange>;

/** Checks that both numberings of the log have no gaps. */
export function expectGaplessLog({ events, conversations }: Arranged): void {
  for (const { id, last_event } of conversations) {
    const own = events.filter(({ conversation_id }) => conversation_id === id);
    expect(own.map(({ number }) => number)).toEqual(own.map((_, index) => index + 1));
    expect(last_event).toBe(own.length);
  }
  const chatbotNumbers = events.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  expect(chatbotNumbers).toEqual(chatbotNumbers.map((_, index) => index + 1));
}

/** Checks that each conversation's replies started in the order of their messages. */
export function expectStartedInOrder({ events, conversations }: Arranged): void {
  const starts = events.filter(
    ({ type, status }) => type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING'),
  );
  for (const { id } of conversations) {
    const started = starts.flatMap(({ conversation_id, message_id }) => (conversation_id === id ? message_id : []));
    expect(started).toEqual([...started].sort());
  }
}

/** The error codes of an unavailable gateway, over GraphQL and over REST. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', '503']);

const ENDS = { COMPLETED: 'MessageCompleted', STOPPED: 'MessageStopped', INTERRUPTED: 'MessageInterrupted' };

/** Checks that no message or event of a conversation is lost, duplicated or out of order. */
export function expectAllStored({ messages, events }: Arranged, { conversationId, sent }: Conversation): void {
  const own = messages.filter(({ conversation_id }) => conversation_id === conversationId);
  expect(own.map(({ id }) => id)).toEqual(sent.flatMap(({ messageId, replyId }) => [messageId, replyId]));
  expect(own.filter(({ role }) => role === 'USER').map(({ content }) => content)).toEqual(
    sent.map(({ input }) => input.content),
  );
  for (const { id, role, status } of own) {
    const types = events.filter(({ message_id }) => message_id === id).map(({ type }) => type);
    const end = ENDS[status as keyof typeof ENDS];
    expect(end, `${id} ${status}`).toBeDefined();
    if (role === 'USER') expect(types).toEqual(['MessageCreated']);
    else expect(types.join()).toMatch(new RegExp(`^MessageCreated(,MessageStarted)?,${end}$`));
  }
}

/** Checks the events that one reader received of a reply; after a kill, only the saved part must be in the database. */
function expectReceived(arranged: Arranged, events: readonly StreamEvent[], id: string, killedAt: number): void {
  const { byId, expectedTextOf } = arranged;
  const { status = '', content = '', citations = '[]' } = byId.get(id) ?? {};
  const [end, ...more] = events.filter((event) => endsMessage(event, id));
  expect([end?.__typename, end?.message?.status, end?.message?.content, more]).toEqual([
    ENDS[status as keyof typeof ENDS],
    status,
    content,
    [],
  ]);
  const text = collectTexts(events)[id] ?? '';
  const quotes = events.flatMap((event) => (event.messageId === id ? (event.citation?.quote ?? []) : []));
  const saved = JSON.parse(citations).map(({ quote }: { quote: string }) => quote);
  const fullText = expectedTextOf(id);
  expect(text).toBe(status === 'COMPLETED' ? fullText : fullText.slice(0, text.length));
  // A reply with a stop request becomes STOPPED even if a kill cut it off.
  if (status !== 'INTERRUPTED' && killedAt === 0) {
    expect([text, quotes]).toEqual([content, saved]);
    return;
  }
  expect(text.slice(0, content.length)).toBe(content);
  expect(quotes.slice(0, saved.length)).toEqual(saved);
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
  arranged: Arranged,
  conversation: Conversation,
  killedAt: (replyId: string) => number,
): void {
  const { conversationId, sent, readers, followers } = conversation;
  const log = arranged.events.filter(({ conversation_id }) => conversation_id === conversationId);
  const stages = log.map(({ type, message_id }) => `${type} ${message_id}`);
  // The readers subscribed while the first reply was being generated.
  for (const { events } of readers) expect(describeMessageEvents(events)).toEqual(stages.slice(1));
  for (const { events, errors } of [...readers, ...followers.values()]) {
    expect(errors.filter((code) => !UNAVAILABLE.has(code))).toEqual([]);
    expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
  }
  for (const { replyId } of sent) {
    const own = followers.get(replyId)?.events ?? [];
    expect(describeMessageEvents(own).join()).toMatch(/^MessageCreated [^,]+(,MessageStarted [^,]+)?,[^,]+$/);
    for (const events of [own, ...readers.map((reader) => reader.events)]) {
      expectReceived(arranged, events, replyId, killedAt(replyId));
    }
  }
}

/** Whether every reader has received the end of every reply. */
export function hasReceivedAllEnds({ sent, readers, followers }: Conversation): boolean {
  return sent.every(({ replyId }) => {
    const own = followers.get(replyId);
    return own !== undefined && [own, ...readers].every((reader) => hasEnded(reader, replyId));
  });
}
