import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { CERTIFICATE } from './certificate.ts';

/** A request that a proxy received. */
export interface ProxiedRequest {
  readonly method: string;
  /** The server and port of a `CONNECT`, or the whole URL. */
  readonly target: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

/** A proxy on this machine. */
export interface TestProxy {
  readonly url: string;
  readonly received: readonly ProxiedRequest[];
  readonly openConnections: number;
}

/** How a proxy behaves. */
export interface ProxyOptions {
  /** The port on this machine to which the proxy connects, whatever server a request names; absent: to that server. */
  readonly port?: number;
  /** `user:password`; without these, the proxy answers 407. */
  readonly credentials?: string;
  /** Returns the status with which the proxy refuses a request; undefined if it does not. */
  readonly refuse?: (request: ProxiedRequest) => number | undefined;
  /** Whether the proxy never answers. */
  readonly hangs?: boolean;
  /** Whether clients connect to the proxy by TLS. */
  readonly isSecure?: boolean;
}

/** Starts a proxy that tunnels `CONNECT` and forwards requests in absolute form. */
export async function startProxy(options: ProxyOptions = {}): Promise<TestProxy> {
  const { port, credentials, hangs = false, isSecure = false } = options;
  const received: ProxiedRequest[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  /** Records a request, and returns the status with which the proxy refuses it. */
  const admit = ({ method = '', url = '', headers }: IncomingMessage): number | undefined => {
    const authorization = headers['proxy-authorization'];
    const request = { method, target: url, host: headers.host, authorization };
    received.push(request);
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    return authorization === expected ? options.refuse?.(request) : 407;
  };
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    const status = admit(request);
    if (hangs) return;
    if (status !== undefined) {
      response.writeHead(status).end('the page of the proxy');
      return;
    }
    const target = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const server = port === undefined ? { host: target.hostname, port: target.port } : { host: '127.0.0.1', port };
    const path = target.pathname + target.search;
    const forwarded = sendRequest({ ...server, path, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  };
  const server = isSecure ? createTlsServer(CERTIFICATE, forward) : createServer(forward);
  server.on('connection', track);
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    client.on('error', () => {});
    const status = admit(request);
    if (hangs) {
      client.resume().on('end', () => client.destroy());
      return;
    }
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} Refused\r\n\r\nthe page of the proxy`);
      return;
    }
    const [host = '', targetPort] = (request.url ?? '').split(/:(?=\d+$)/);
    const server = port === undefined ? { host, port: Number(targetPort) } : { host: '127.0.0.1', port };
    const target = connect(server, () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    track(target);
    target.pipe(client).pipe(target);
    target.on('close', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    url: `${isSecure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    get openConnections() {
      return sockets.size;
    },
  };
}
