import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { TestGateway } from './gateway.ts';

/** A message of the `graphql-transport-ws` protocol. */
interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** Opens a WebSocket on which the test sends every protocol message itself. */
export function openRawSocket(
  { url }: TestGateway,
  headers: Record<string, string> = {},
  protocols = ['graphql-transport-ws'],
) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocols, { headers });
  const frames: Frame[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
  const refused = once(socket, 'unexpected-response').then(([, response]) => response.statusCode as number);
  socket.on('error', () => {});

  async function waitForFrame(matches: (frame: Frame) => boolean): Promise<Frame> {
    while (true) {
      const match = frames.find(matches);
      if (match) return match;
      await Promise.race([once(socket, 'message'), closed.then(() => Promise.reject(new Error('closed')))]);
    }
  }

  return {
    frames,
    closed,
    close: () => socket.close(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    /** Resolves with the HTTP status that rejected the upgrade. */
    refused,
    opened: once(socket, 'open'),
    send: (frame: object | string) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    waitForFrame,
    /** Sends `connection_init`, and waits for the acknowledgement. */
    async init(payload?: object): Promise<void> {
      await once(socket, 'open');
      socket.send(JSON.stringify({ type: 'connection_init', ...(payload && { payload }) }));
      await waitForFrame(({ type }) => type === 'connection_ack');
    },
    /** Runs an operation, and returns its first result or its errors. */
    async execute(query: string, more: object = {}, id = `${frames.length}-${Math.random()}`): Promise<Result> {
      socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query, ...more } }));
      const { type, payload } = await waitForFrame((frame) => frame.id === id);
      return type === 'error' ? { errors: payload as Result['errors'] } : (payload as Result);
    },
  };
}

/** The result of an operation. */
export interface Result {
  readonly data?: unknown;
  readonly errors?: readonly { message: string; extensions: Record<string, unknown> }[] | undefined;
}
