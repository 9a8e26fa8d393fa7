import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { getIntrospectionQuery } from 'graphql';
import { expect, it, onTestFinished } from 'vitest';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';

const HEAP_MB = 160;
/** The maximum memory of the process, including its code, pending buffers and freed memory that it has not returned. */
const MAX_RSS_MB = 700;

/** Sends a request on its own connection, and does not read the response. */
async function sendWithoutReading({ url }: RunningGateway, request: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write(request);
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function readRssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024;
}

/** Requests `/health` `rounds` times while the gateway buffers responses; returns the highest RSS in MB. */
async function watchHealth({ url, pid }: RunningGateway, rounds: number): Promise<number> {
  let highestMb = 0;
  for (let round = 0; round < rounds; round++) {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(20_000) });
    expect(response.status).toBe(200);
    highestMb = Math.max(highestMb, await readRssMb(pid));
  }
  return highestMb;
}

it.skipIf(process.platform !== 'linux')(
  'a small production gateway stays up, and serves /health, with hundreds of unread responses',
  async () => {
    const gateway = await startGatewayProcess({
      env: {
        DATA_DIR: await createDataDir(),
        NODE_ENV: 'production',
        NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
        MAX_PENDING_BYTES: '100000000',
        RATE_LIMIT_PER_MINUTE: '100000',
      },
    });
    const page = await (await fetch(`${gateway.url}/graphql`, { headers: { accept: 'text/html' } })).text();
    const script = /src="(\/assets\/graphiql\/[^"]+\.js)"/.exec(page)?.[1] ?? '';
    for (let count = 0; count < 120; count++) {
      await sendWithoutReading(
        gateway,
        `GET ${count % 2 ? script : '/graphql'} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n`,
      );
    }
    expect(await watchHealth(gateway, 20)).toBeLessThan(MAX_RSS_MB);
    const body = JSON.stringify({ query: getIntrospectionQuery({ descriptions: true }) });
    const introspection = `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let count = 0; count < 30; count++) await sendWithoutReading(gateway, introspection);
    expect(await watchHealth(gateway, 40)).toBeLessThan(MAX_RSS_MB);
    expect(gateway.stderr).not.toMatch(/heap|fatal/i);
  },
  240_000,
);
