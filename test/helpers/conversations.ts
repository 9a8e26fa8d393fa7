import { expect, onTestFinished, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from './chatbots.ts';
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts';
import { createScriptedEngine, finish } from './models/engines.ts';
import { openSharedScriptedGateway } from './shared-gateway.ts';
import { joinDeltas, type Reader, type StreamEvent, webSocket } from './streams.ts';

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

/** The parts of a gateway that a test may choose. */
type Options = Pick<GatewayOptions, 'env' | 'overrides'>;

/**
 * Opens a gateway with an open reply; the engine emits what the test pushes. Without options, all tests of the file
 * share one gateway, and each gets an account of its own. With options, even `{}`, the test gets its own gateway.
 */
export async function startGatewayWithOpenReply(options?: Options) {
  const { gateway, engine } = options ? await startScriptedGateway(options) : await openSharedScriptedGateway();
  const chatbotId = await createChatbot(gateway);
  return { gateway, engine, chatbotId, ...(await send(gateway, { chatbotId, content: 'Well?' })) };
}

/** Starts a gateway whose engine emits what the test pushes. It is closed after the test. */
export async function startScriptedGateway({ env, overrides }: Options) {
  const engine = createScriptedEngine();
  const engines = new Map([['builtin', engine]]);
  const gateway = await startGateway({ ...(env && { env }), overrides: { engines, ...overrides } });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => engine.finishAll());
  return { gateway, engine };
}

/** Like `startGatewayWithOpenReply`, but the reply is completed. */
export async function startGatewayWithCompletedReply(options?: Options) {
  const started = await startGatewayWithOpenReply(options);
  const { gateway, engine, replyId } = started;
  engine.push(finish);
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  return started;
}

/** Reads all event rows of the account, in no order. */
export function readEventRows({ deps, accountId }: TestGateway) {
  return deps.db.read.selectFrom('conversation_events').selectAll().where('account_id', '=', accountId).execute();
}

/** Checks that the event numbers of every log of the account have no gaps, and returns one conversation's events in order. */
export async function readGaplessLog(gateway: TestGateway, conversationId: string) {
  const rows = await readEventRows(gateway);
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
