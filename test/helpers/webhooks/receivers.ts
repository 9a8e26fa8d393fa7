import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A request to a receiver. */
export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The raw body. */
  readonly body: string;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** Handles a request that the receiver has read; `number` counts the requests from 1. */
export type Behaviour = (response: ServerResponse, number: number, request: IncomingMessage) => void;

/** A webhook receiver on this machine. */
export interface Receiver {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  /** The number of open connections. */
  readonly openConnections: number;
  /** The greatest number of connections open at the same time. */
  readonly maxOpenConnections: number;
  /** Changes the behaviour for later requests. */
  setBehaviour(behaviour: Behaviour): void;
}

/** Starts a receiver, which stops when the test ends. */
export async function startReceiver(initialBehaviour: Behaviour = respond(200)): Promise<Receiver> {
  const received: ReceivedRequest[] = [];
  const sockets = new Set<object>();
  let behave = initialBehaviour;
  let maxOpenConnections = 0;
  const server = createServer(async (request, response) => {
    response.on('error', () => {});
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    received.push({ path: request.url ?? '', headers: request.headers, body, at: Date.now() });
    behave(response, received.length, request);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    maxOpenConnections = Math.max(maxOpenConnections, sockets.size);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    get openConnections() {
      return sockets.size;
    },
    get maxOpenConnections() {
      return maxOpenConnections;
    },
    setBehaviour(behaviour) {
      behave = behaviour;
    },
  };
}

/** Creates a behaviour that responds with a status. */
export function respond(status: number, body = '', headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (response) => void response.writeHead(status, headers).end(body);
}

/** Fails a number of times, then responds with 200. */
export function failTimes(times: number, failure: Behaviour = respond(500)): Behaviour {
  return (response, number, request) => (number > times ? respond(200) : failure)(response, number, request);
}

/** Never responds. */
export const hang: Behaviour = () => {};

/** Breaks the connection. */
export const reset: Behaviour = (_response, _number, { socket }) => void socket.resetAndDestroy();

/** Starts the response immediately, and sends one character a second. */
export const drip =
  (status: number): Behaviour =>
  (response) => {
    response.writeHead(status).write('.');
    const timer = setInterval(() => response.write('.'), 1_000);
    response.on('close', () => clearInterval(timer));
  };

/** Starts a status line and never ends it. */
export const dripHead: Behaviour = (_response, _number, { socket }) => {
  socket.write('HTTP/1.1 200');
  const timer = setInterval(() => socket.write(' '), 500);
  socket.on('close', () => clearInterval(timer));
};

/** Responds with a gigabyte. */
export const flood =
  (status: number): Behaviour =>
  (response) => {
    response.writeHead(status, { 'content-length': 2 ** 30 });
    const piece = Buffer.alloc(64 * 1_024, 'x');
    const fill = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', fill);
    fill();
  };
