import { expect, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createId } from '../../src/domain/ids.ts';
import type { TestGateway } from './gateway.ts';
import { finish } from './models/engines.ts';
import { joinDeltas, type Reader, type StreamEvent, startGatewayWithOpenReply, webSocket } from './streams.ts';

/** Describes each event in one line for comparison; `names` replaces ids. */
export function describeEvents(events: readonly StreamEvent[], names: Readonly<Record<string, string>> = {}): string[] {
  const nameOf = (id = '') => names[id] ?? id;
  return events.map(({ __typename, message, messageId, text, citation, conversation, role, isTyping }) => {
    if (conversation) return `${__typename} ${conversation.status} ${conversation.answeredBy}`;
    if (role) return `${__typename} ${role} ${isTyping}`;
    if (message) return `${__typename} ${nameOf(message.id)}`;
    if (__typename === 'MessageDeleted') return `${__typename} ${nameOf(messageId)}`;
    return `${__typename} ${nameOf(messageId)} ${text === undefined ? citation?.title : JSON.stringify(text)}`;
  });
}

/** Describes only the events that carry a message. */
export function describeMessageEvents(
  events: readonly StreamEvent[],
  names?: Readonly<Record<string, string>>,
): string[] {
  return describeEvents(
    events.filter(({ message }) => message !== undefined),
    names,
  );
}

/** The texts received, by message, joined at the offsets of the deltas. */
export function collectTexts(events: readonly StreamEvent[]): Record<string, string> {
  const ids = new Set(events.flatMap(({ messageId }) => messageId ?? []));
  return Object.fromEntries([...ids].map((id) => [id, joinDeltas(events.filter(({ messageId }) => messageId === id))]));
}

/** The titles of the citations received, by message. */
export function collectCitations(events: readonly StreamEvent[]): Record<string, string[]> {
  const titles: Record<string, string[]> = {};
  for (const { messageId = '', citation } of events) {
    if (citation === undefined) continue;
    titles[messageId] = [...(titles[messageId] ?? []), citation.title];
  }
  return titles;
}

/** Resolves with the reader's first event of a type for a message. */
export function waitForMessageEvent(reader: Reader, type: string, messageId: string): Promise<StreamEvent> {
  return reader.until(({ __typename, message }) => __typename === type && message?.id === messageId);
}

const END_TYPES = new Set(['MessageCompleted', 'MessageFailed', 'MessageStopped', 'MessageInterrupted']);

/** Whether an event ends a message. */
export function endsMessage({ __typename, message }: StreamEvent, id: string): boolean {
  return message?.id === id && END_TYPES.has(__typename);
}

/** Resolves when the gateway has exactly `count` subscribed readers. */
export async function waitForReaders({ deps }: TestGateway, count: number): Promise<void> {
  await vi.waitFor(() => expect(deps.bus.size).toBe(count), 10_000);
}

/** A citation event for the first `end` characters of the answer. */
export function citationEvent(title: string, end: number): AnswerEvent {
  const ids = { passageId: createId('passage'), sourceId: createId('source') };
  return { type: 'citation', citation: { ...ids, title, url: null, quote: 'Words.', start: 0, end } };
}

/** Starts a gateway with a conversation whose only reply is completed. */
export async function startGatewayWithCompletedReply(options?: Parameters<typeof startGatewayWithOpenReply>[0]) {
  const started = await startGatewayWithOpenReply(options);
  const { gateway, engine, replyId } = started;
  engine.push(finish);
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  return started;
}

/** Checks that the event numbers of every log have no gaps, and returns one conversation's events in order. */
export async function readGaplessLog(gateway: TestGateway, conversationId: string) {
  const rows = await gateway.deps.db.read.selectFrom('conversation_events').selectAll().execute();
  for (const [owner, number] of [
    ['conversation_id', 'number'],
    ['chatbot_id', 'chatbot_number'],
  ] as const) {
    for (const id of new Set(rows.map((row) => row[owner]))) {
      const numbers = rows.filter((row) => row[owner] === id).map((row) => row[number]);
      expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
    }
  }
  return rows.filter((row) => row.conversation_id === conversationId).sort((a, b) => a.number - b.number);
}
