import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { openPlainFetch } from '../../src/outbound/plain-fetch.ts';

it("reuses connections to the operator's addresses, and closes them when it is closed", async () => {
  const sockets = new Set<object>();
  let acceptedCount = 0;
  const server = createServer((request, response) => response.end(request.headers.host));
  server.on('connection', (socket) => {
    acceptedCount += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const host = `localhost:${(server.address() as AddressInfo).port}`;

  const plain = openPlainFetch();
  for (let i = 0; i < 20; i++) expect(await (await plain.fetch(`http://${host}/`)).text()).toBe(host);
  expect(acceptedCount).toBeLessThan(20);
  expect(sockets.size).toBeGreaterThan(0);
  await plain.close();
  await vi.waitFor(() => expect(sockets.size).toBe(0));
  await expect(plain.fetch(`http://${host}/`)).rejects.toThrow('fetch failed');
});
