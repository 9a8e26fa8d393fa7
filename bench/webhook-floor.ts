/**
 * The floor of webhooks: posts the same body as often as it is asked (`/post?<count>`), five at a time, by bare undici on
 * connections that it keeps. It signs nothing and keeps nothing.
 *
 * `RECEIVER_URL=… BODY=… node bench/webhook-floor.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const AT_ONCE = 5;
const { RECEIVER_URL = '', BODY: body = '' } = process.env;
const pool = new Pool(RECEIVER_URL, { connections: AT_ONCE });

async function post(): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await pool.request({ path: '/', method: 'POST', headers, body });
  await answer.body.dump();
}

const server = createServer(async (request, response) => {
  let left = Number(new URL(request.url ?? '/', 'http://floor').search.slice(1));
  const worker = async () => {
    while (left-- > 0) await post();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  response.end();
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
