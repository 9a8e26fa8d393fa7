import { createClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createManualClock } from '../helpers/clock.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish, type ScriptedEngine } from '../helpers/models/engines.ts';
import { connect } from '../helpers/raw-sockets.ts';
import {
  MESSAGE_STREAM,
  type Reader,
  readMessage,
  type StreamEvent,
  startReply,
  textOf,
  webSocket,
} from '../helpers/streams.ts';

const SHED = 'closed a response that its client does not read';
// Each piece is one event with all text so far: 40 MB in total, more than the system buffers for a connection.
const PIECES = 100;
const PIECE = 'Ünïcode 😀 '.repeat(500);

/** Generates a long answer; each piece follows as soon as one reader has received the previous one. */
async function writeLong(engine: ScriptedEngine, reader: Reader): Promise<void> {
  for (let count = 1; count <= PIECES; count++) {
    engine.push(delta(PIECE));
    await reader.until(({ content }) => content?.length === count * PIECE.length);
  }
}

describe('a reader that stalls', () => {
  it('has no more buffered than the connection, and receives the rest in one delta when it reads again', async () => {
    const { gateway, engine, replyId } = await startReply();
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    socket.send({
      type: 'subscribe',
      id: 'slow',
      payload: { query: MESSAGE_STREAM, variables: { messageId: replyId } },
    });
    await socket.receive(({ type }) => type === 'next');
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    socket.pause();
    await writeLong(engine, reader);
    socket.resume();
    engine.push(finish);
    await reader.ended;
    await socket.receive(({ type }) => type === 'complete');

    const stored = await readMessage(gateway, replyId);
    const receivedEvents = socket.frames.flatMap(({ payload }) => eventsIn(payload));
    expect(textOf(receivedEvents)).toBe(stored.content);
    expect(textOf(reader.events)).toBe(stored.content);
    expect(reader.events.length).toBeGreaterThan(PIECES);
    const sizes = receivedEvents.map((event) => Buffer.byteLength(JSON.stringify(event)));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(20_000_000);
    expect(Math.max(...receivedEvents.map(({ text = '' }) => text.length))).toBeGreaterThan(PIECE.length * 10);
  });

  it('is closed with 1013 after 30 seconds, and the official client resumes', async () => {
    const clock = createManualClock();
    const { gateway, engine, replyId } = await startReply({ replaced: { clock } });
    const { events, sockets, closed, ended } = followResuming(gateway, replyId);
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(2));
    sockets[0]?.pause();
    await writeLong(engine, reader);
    // The gateway checks a connection every second: first that it has stalled, then for how long.
    await vi.waitFor(() => {
      clock.turn(31_000);
      expect(gateway.logs.some(({ msg }) => msg === SHED)).toBe(true);
    }, 5_000);
    sockets[0]?.resume();
    expect(await closed).toBe(1013);
    engine.push(delta('The end.'), finish);
    await Promise.all([ended, reader.ended]);
    expect(sockets.length).toBe(2);
    expect(textOf(events)).toBe((await readMessage(gateway, replyId)).content);
    expect(reader.text).toBe(textOf(events));
  });
});

describe('a peer that sends requests and does not read', () => {
  it('is closed with 1013 at 4 MB of buffered data, and disconnected if it does not read the close frame', async () => {
    const { gateway } = await startReply();
    const flood = async () => {
      const peer = connect(gateway);
      await peer.init({ 'x-api-key': gateway.key });
      peer.pause();
      // 60 MB of pings, each of which requires a pong with the same payload.
      for (let count = 0; count < 300; count++) peer.send({ type: 'ping', payload: { text: 'x'.repeat(200 * 1024) } });
      return peer;
    };
    const reading = await flood();
    const gone = await flood();
    const shed = () => gateway.logs.filter(({ msg }) => msg === SHED);
    await vi.waitFor(() => expect(shed()).toHaveLength(2), 10_000);
    expect(shed().every(({ bytes }) => Number(bytes) < 5 * 1024 * 1024)).toBe(true);
    reading.resume();
    expect(await reading.closed).toEqual({ code: 1013, reason: 'Too slow' });
    await vi.waitFor(async () => expect(await countSockets(gateway)).toBe(0), 15_000);
    gone.resume();
    expect((await gone.closed).code).toBe(1006);
  });
});

/** The official client, which resumes after its last event whenever it reconnects. */
function followResuming({ url, key }: { url: string; key: string }, messageId: string) {
  const sockets: WebSocket[] = [];
  class OwnSocket extends WebSocket {
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
    webSocketImpl: OwnSocket,
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
