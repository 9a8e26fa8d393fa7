import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createAddressRules } from '../../src/outbound/addresses.ts';
import { AddressRefusedError, NOT_PUBLIC } from '../../src/outbound/guard.ts';
import { createGuardedFetch } from '../../src/outbound/guarded-fetch.ts';

const rules = createAddressRules(['127.0.0.1', '::1']);
const resolveToLocalhost = async () => ['127.0.0.1'];

/** Starts a server on this machine that records its connections. */
async function startRecordedServer(server: Server | ReturnType<typeof createTcpServer>) {
  let accepted = 0;
  const openSockets = new Set<object>();
  server.on('connection', (socket: NodeJS.EventEmitter) => {
    accepted += 1;
    openSockets.add(socket);
    socket.on('close', () => openSockets.delete(socket));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get acceptedCount() {
      return accepted;
    },
    get openCount() {
      return openSockets.size;
    },
  };
}

const startHttpServer = (listener: RequestListener) => startRecordedServer(createServer(listener));

it("connects to the checked address, and sends the host name and the caller's method, headers and body", async () => {
  const receivedRequests: unknown[] = [];
  const server = await startHttpServer(async (request, response) => {
    receivedRequests.push(
      request.method,
      request.url,
      request.headers.host,
      request.headers['x-own'],
      await readAll(request),
    );
    response.writeHead(201, { 'x-answer': 'yes' }).end('{"well":true}');
  });
  const guardedFetch = createGuardedFetch(rules, resolveToLocalhost);
  const response = await guardedFetch(`http://models.example.com:${server.port}/v1/chat?a=1`, {
    method: 'POST',
    headers: { 'x-own': 'mine' },
    body: '{"stream":true}',
  });
  expect([response.status, response.headers.get('x-answer'), await response.json()]).toEqual([
    201,
    'yes',
    { well: true },
  ]);
  expect(receivedRequests).toEqual([
    'POST',
    '/v1/chat?a=1',
    `models.example.com:${server.port}`,
    'mine',
    '{"stream":true}',
  ]);
});

it('resolves a name once per call, and connects to the address that it has checked', async () => {
  const server = await startHttpServer((_request, response) => response.end('here'));
  const answers = [['127.0.0.1'], ['169.254.169.254'], ['127.0.0.1']];
  const resolve = vi.fn(async () => answers.shift() ?? []);
  const guardedFetch = createGuardedFetch(rules, resolve);
  const fetchText = () => guardedFetch(`http://models.example.com:${server.port}/`).then((response) => response.text());
  expect(await fetchText()).toBe('here');
  await expect(fetchText()).rejects.toThrow(AddressRefusedError);
  expect(await fetchText()).toBe('here');
  expect(resolve).toHaveBeenCalledTimes(3);
  // No address is cached between calls.
  expect(server.acceptedCount).toBe(2);
});

it('tries the addresses of a name one after another', async () => {
  const server = await startHttpServer((_request, response) => response.end('here'));
  const guardedFetch = createGuardedFetch(rules, async () => ['::1', '127.0.0.1']);
  const response = await guardedFetch(`http://models.example.com:${server.port}/`);
  expect(await response.text()).toBe('here');
});

it.each([301, 302, 303, 307, 308, 300, 304])('rejects a redirect: %i', async (status) => {
  const redirectTarget = await startHttpServer((_request, response) => response.end('secret'));
  const server = await startHttpServer((_request, response) => {
    response.writeHead(status, { location: `http://127.0.0.1:${redirectTarget.port}/` }).end();
  });
  const guardedFetch = createGuardedFetch(rules, resolveToLocalhost);
  const call = guardedFetch(`http://models.example.com:${server.port}/`, { redirect: 'follow' });
  await expect(call).rejects.toThrow(AddressRefusedError);
  expect(redirectTarget.acceptedCount).toBe(0);
  await vi.waitFor(() => expect(server.openCount).toBe(0));
});

it('streams a response, and closes the connection at its end', async () => {
  const { promise: isRead, resolve: resolveRead } = Promise.withResolvers<void>();
  const server = await startHttpServer(async (_request, response) => {
    response.write('one');
    await isRead;
    response.end('two');
  });
  const response = await createGuardedFetch(rules, resolveToLocalhost)(`http://models.example.com:${server.port}/`);
  const pieces: string[] = [];
  for await (const piece of response.body ?? []) {
    pieces.push(new TextDecoder().decode(piece));
    resolveRead();
  }
  expect(pieces).toEqual(['one', 'two']);
  await vi.waitFor(() => expect(server.openCount).toBe(0));
});

it('closes the connection when the caller cancels the response', async () => {
  const server = await startHttpServer((_request, response) => response.write('one'));
  const response = await createGuardedFetch(rules, resolveToLocalhost)(`http://models.example.com:${server.port}/`);
  await response.body?.cancel();
  await vi.waitFor(() => expect(server.openCount).toBe(0));
});

it("rejects when the caller's signal aborts: before the request, while it waits, and while it reads", async () => {
  const silentServer = await startHttpServer(() => {});
  const streamingServer = await startHttpServer((_request, response) => response.write('one'));
  const guardedFetch = createGuardedFetch(rules, resolveToLocalhost);
  const reason = new Error('Enough.');
  const urlOf = ({ port }: { port: number }) => `http://models.example.com:${port}/`;

  await expect(guardedFetch(urlOf(silentServer), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(silentServer.acceptedCount).toBe(0);

  const waitingCaller = new AbortController();
  const call = guardedFetch(urlOf(silentServer), { signal: waitingCaller.signal });
  await vi.waitFor(() => expect(silentServer.openCount).toBe(1));
  waitingCaller.abort(reason);
  await expect(call).rejects.toBe(reason);
  await vi.waitFor(() => expect(silentServer.openCount).toBe(0));

  const readingCaller = new AbortController();
  const response = await guardedFetch(urlOf(streamingServer), { signal: readingCaller.signal });
  const text = response.text();
  readingCaller.abort(reason);
  await expect(text).rejects.toBe(reason);
  await vi.waitFor(() => expect(streamingServer.openCount).toBe(0));
});

it("stops waiting for a name server when the caller's signal aborts", async () => {
  const caller = new AbortController();
  const guardedFetch = createGuardedFetch(rules, async (_name, signal) => {
    caller.abort(new Error('Enough.'));
    signal.throwIfAborted();
    return [];
  });
  await expect(guardedFetch('http://models.example.com/', { signal: caller.signal })).rejects.toThrow('Enough.');
});

it.each<[string, () => Promise<string[]>]>([
  ['does not exist', () => Promise.reject(new Error('ENOTFOUND'))],
  ['gets no response', () => Promise.reject(new Error('ETIMEOUT'))],
  ['resolves to an internal address', async () => ['10.0.0.1']],
])('fails with the same error for a name that %s, so that it reveals no internal names', async (_name, resolve) => {
  const error = await createGuardedFetch(rules, resolve)('http://models.example.com/').catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AddressRefusedError);
  expect(error.message).toBe(NOT_PUBLIC);
});

it('fails like fetch if no server listens', async () => {
  const server = await startHttpServer(() => {});
  const fetchUnusedAddress = createGuardedFetch(rules, async () => ['::1']);
  await expect(fetchUnusedAddress(`http://models.example.com:${server.port}/`)).rejects.toThrow('fetch failed');
});

it('returns responses without a body', async () => {
  const server = await startHttpServer((_request, response) => response.writeHead(204).end());
  const response = await createGuardedFetch(rules, resolveToLocalhost)(`http://models.example.com:${server.port}/`);
  expect([response.status, await response.text()]).toEqual([204, '']);
});

it('fails like fetch if a server does not speak HTTP', async () => {
  const server = await startRecordedServer(
    createTcpServer((socket) => void socket.once('data', () => socket.end('SSH-2.0\r\n'))),
  );
  const call = createGuardedFetch(rules, resolveToLocalhost)(`http://models.example.com:${server.port}/`);
  await expect(call).rejects.toThrow('fetch failed');
  await vi.waitFor(() => expect(server.openCount).toBe(0));
});

it('requests the host name of the URL over TLS, and checks the certificate for it', async () => {
  const { promise: requestedName, resolve } = Promise.withResolvers<string>();
  const server = await startRecordedServer(
    createTlsServer({
      SNICallback(name, done) {
        resolve(name);
        done(new Error('There is no certificate.'));
      },
    }),
  );
  const guardedFetch = createGuardedFetch(rules, resolveToLocalhost);
  await expect(guardedFetch(`https://models.example.com:${server.port}/`)).rejects.toThrow('fetch failed');
  expect(await requestedName).toBe('models.example.com');
});

async function readAll(request: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
