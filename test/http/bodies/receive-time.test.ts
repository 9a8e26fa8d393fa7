import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { limitReceiveTime, type ReceiveTime } from '../../../src/http/bodies/receive-time.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Sends the head of a request to a server that limits its time and reads its body. */
async function startRequest() {
  const started = Promise.withResolvers<{ request: IncomingMessage; time: ReceiveTime }>();
  const server = createServer((request, response) => {
    started.resolve({ request, time: limitReceiveTime(request, response) });
    request.resume().on('error', () => {});
    request.once('end', () => response.end('all'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(() => received);
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  const { request, time } = await started.promise;
  const send = async (bytes: number) => {
    const before = request.socket.bytesRead;
    socket.write('x'.repeat(bytes));
    while (request.socket.bytesRead < before + bytes) await once(request, 'data');
  };
  return { request, time, send, closed };
}

it('refuses a body that has not arrived after 30 seconds with 408', async () => {
  const { request, send, closed } = await startRequest();
  await send(900_000);
  vi.advanceTimersByTime(29_999);
  expect(request.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
});

it('gives a large body one more second for each 64 kB that arrive after its start', async () => {
  const { request, time, send, closed } = await startRequest();
  await send(300_000);
  vi.advanceTimersByTime(20_000);
  time.stop();
  vi.advanceTimersByTime(20_000);
  time.restart();
  await send(5 * 65_536);
  vi.advanceTimersByTime(34_999);
  expect(request.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(await closed).toMatch(/^HTTP\/1\.1 408 /);
});

it('does not end the wait for the response to a body that has arrived', async () => {
  const { request, send } = await startRequest();
  await send(1_000_000);
  await once(request, 'close');
  expect(vi.getTimerCount()).toBe(0);
});
