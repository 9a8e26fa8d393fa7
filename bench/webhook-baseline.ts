/**
 * The baseline of webhooks: sends the same body as often as requested (`/post?<count>`), five at a time, with bare
 * undici on persistent connections. It signs nothing and stores nothing.
 *
 * `RECEIVER_URL=… BODY=… node bench/webhook-baseline.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const CONCURRENCY = 5;
const { RECEIVER_URL = '', BODY: body = '' } = process.env;
const pool = new Pool(RECEIVER_URL, { connections: CONCURRENCY });

async function post(): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await pool.request({ path: '/', method: 'POST', headers, body });
  await response.body.dump();
}

const server = createServer(async (request, response) => {
  let remaining = Number(new URL(request.url ?? '/', 'http://baseline').search.slice(1));
  const worker = async () => {
    while (remaining-- > 0) await post();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  response.end();
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
