/**
 * Receives webhooks: `/` acknowledges and counts them, `/hang` never responds, and `/until?<count>` responds when that
 * many have been acknowledged, and resets the count.
 *
 * `node bench/webhook-receiver.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let count = 0;
let waiting: { until: number; done: () => void } | undefined;

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://receiver');
  request.resume();
  if (pathname === '/until') {
    waiting = { until: Number(search.slice(1)), done: () => response.end() };
    check();
  } else if (pathname !== '/hang') {
    request.once('end', () => {
      response.writeHead(204).end();
      count++;
      check();
    });
  }
});

function check(): void {
  if (waiting === undefined || count < waiting.until) return;
  count = 0;
  waiting.done();
  waiting = undefined;
}

process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
