import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createManualClock } from '../helpers/clock.ts';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish, type ScriptedEngine } from '../helpers/models/engines.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';
import {
  joinDeltas,
  MESSAGE_STREAM,
  type Reader,
  readMessage,
  type StreamEvent,
  webSocket,
} from '../helpers/streams.ts';

const CLOSED_UNREAD = 'closed a response that its client does not read';
// Each delta event also contains the whole text so far, so the events together have 40 MB, more than the system buffers.
const PIECE_COUNT = 100;
const PIECE = 'Ünïcode 😀 '.repeat(500);

/** Generates a long answer. The engine sends the next piece when `reader` has received the previous one. */
async function generateLongAnswer(engine: ScriptedEngine, reader: Reader): Promise<void> {
  for (let count = 1; count <= PIECE_COUNT; count++) {
    engine.push(delta(PIECE));
    await reader.until(({ content }) => content?.length === count * PIECE.length);
  }
}

describe('a client that stops reading', () => {
  it('fills only the buffers of its connection, and receives the rest in one delta when it reads again', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply({});
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    socket.send({
      type: 'subscribe',
      id: 'slow',
      payload: { query: MESSAGE_STREAM, variables: { messageId: replyId } },
    });
    await socket.waitForFrame(({ type }) => type === 'next');
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    socket.pause();
    await generateLongAnswer(engine, reader);
    socket.resume();
    engine.push(finish);
    await reader.ended;
    await socket.waitForFrame(({ type }) => type === 'complete');

    const stored = await readMessage(gateway, replyId);
    const receivedEvents = socket.frames.flatMap(({ payload }) => eventsIn(payload));
    expect(joinDeltas(receivedEvents)).toBe(stored.content);
    expect(joinDeltas(reader.events)).toBe(stored.content);
    expect(reader.events.length).toBeGreaterThan(PIECE_COUNT);
    const sizes = receivedEvents.map((event) => Buffer.byteLength(JSON.stringify(event)));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(20_000_000);
    expect(Math.max(...receivedEvents.map(({ text = '' }) => text.length))).toBeGreaterThan(PIECE.length * 10);
  });

  it('is closed with 1013 after 30 seconds, and the official client resumes', async () => {
    const clock = createManualClock();
    const { gateway, engine, replyId } = await startGatewayWithOpenReply({ overrides: { clock } });
    const { events, sockets, closed, ended } = subscribeAndResume(gateway, replyId);
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(2));
    sockets[0]?.pause();
    await generateLongAnswer(engine, reader);
    // The gateway checks connections every second. The first check notes the stall, a later one measures its length.
    await vi.waitFor(() => {
      clock.advance(31_000);
      expect(gateway.logs.some(({ msg }) => msg === CLOSED_UNREAD)).toBe(true);
    }, 5_000);
    sockets[0]?.resume();
    expect(await closed).toBe(1013);
    engine.push(delta('The end.'), finish);
    await Promise.all([ended, reader.ended]);
    expect(sockets.length).toBe(2);
    expect(joinDeltas(events)).toBe((await readMessage(gateway, replyId)).content);
    expect(reader.text).toBe(joinDeltas(events));
  });
});

describe('a peer that sends requests and does not read', () => {
  it('is closed with 1013 at 4 MB of buffered data, and disconnected if it does not read the close frame', async () => {
    const { gateway } = await startGatewayWithOpenReply({});
    const flood = async () => {
      const peer = openRawSocket(gateway);
      await peer.init({ 'x-api-key': gateway.key });
      peer.pause();
      // 60 MB of pings, each of which requires a pong with the same payload.
      for (let count = 0; count < 300; count++) peer.send({ type: 'ping', payload: { text: 'x'.repeat(200 * 1024) } });
      return peer;
    };
    const closedLogs = () => gateway.logs.filter(({ msg }) => msg === CLOSED_UNREAD);
    const slowPeer = await flood();
    await vi.waitFor(() => expect(closedLogs()).toHaveLength(1), 10_000);
    slowPeer.resume();
    expect(await slowPeer.closed).toEqual({ code: 1013, reason: 'Too slow' });
    const deadPeer = await flood();
    await vi.waitFor(() => expect(closedLogs()).toHaveLength(2), 10_000);
    expect(closedLogs().every(({ bytes }) => Number(bytes) < 5 * 1024 * 1024)).toBe(true);
    await vi.waitFor(async () => expect(await countSockets(gateway)).toBe(0), 15_000);
    deadPeer.resume();
    expect((await deadPeer.closed).code).toBe(1006);
  });
});

/** Subscribes with the official client, which resumes after its last event whenever it reconnects. */
function subscribeAndResume({ url, key }: { url: string; key: string }, messageId: string) {
  const sockets: WebSocket[] = [];
  class RecordedSocket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      super(address, protocols);
      sockets.push(this);
    }
  }
  const closed = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<void>();
  const events: StreamEvent[] = [];
  const variables: { messageId: string; after?: string } = { messageId };
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: RecordedSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryWait: async () => {},
    on: { closed: (event) => closed.resolve((event as { code: number }).code) },
  });
  client.subscribe<{ messageStream: StreamEvent }>(
    { query: MESSAGE_STREAM, variables },
    {
      next({ data }) {
        if (!data) return;
        events.push(data.messageStream);
        variables.after = data.messageStream.cursor;
      },
      error: ended.reject,
      complete: ended.resolve,
    },
  );
  onTestFinished(() => void client.dispose());
  return { events, sockets, closed: closed.promise, ended: ended.promise };
}

function eventsIn(payload: unknown): StreamEvent[] {
  const { data } = (payload ?? {}) as { data?: { messageStream: StreamEvent } };
  return data ? [data.messageStream] : [];
}

async function countSockets(gateway: TestGateway): Promise<number> {
  const { values } = await gateway.deps.metrics.sockets.get();
  return values[0]?.value ?? 0;
}
