import { isDeepStrictEqual } from 'node:util';
import type { Bench } from './benchmark.ts';
import { type Cost, type CpuClock, startMeter } from './cpu.ts';
import type { Shot } from './load.ts';
import type { Server } from './server.ts';

/** A server, and the request that it is measured with. */
export interface Asked {
  readonly server: Server;
  readonly shot: Shot;
  /** The CPU time of other processes that work for the server, such as its database. */
  readonly behind?: CpuClock | undefined;
}

/** The cost of a request on two servers, in the same rounds. */
export interface Comparison {
  /** The size of the gateway's response, such as `18.1 kB`. */
  readonly size: string;
  readonly gateway: readonly Cost[];
  readonly floor: readonly Cost[];
}

const WARM_REQUESTS = 2_500;

/**
 * Measures the cost of one request on two servers.
 * @throws if their responses differ in anything but ids, which differ in each database.
 */
export async function compareRequests(bench: Bench, what: string, gateway: Asked, floor: Asked): Promise<Comparison> {
  const bytes = await requireSameAnswer(gateway.shot, floor.shot);
  bench.note(`${what}: ${bytes} bytes, warming up`);
  for (const { shot } of [gateway, floor]) await warm(bench, shot);

  const costs = { gateway: [] as Cost[], floor: [] as Cost[] };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.note(`${what}: round ${round} of ${bench.rounds}`);
    // The servers alternate in going first, so that a machine that slows down favours neither.
    const order = round % 2 === 1 ? (['gateway', 'floor'] as const) : (['floor', 'gateway'] as const);
    for (const side of order) costs[side].push(await costPerRequest(bench, side === 'gateway' ? gateway : floor));
  }
  await requireSameAnswer(gateway.shot, floor.shot);
  return { size: formatBytes(bytes), ...costs };
}

/** Warms up with a number of requests, not for a time: a slow machine needs longer until the same code is compiled. */
async function warm(bench: Bench, shot: Shot): Promise<void> {
  let sent = 0;
  while (sent < WARM_REQUESTS) sent += (await burst(bench, shot)).requests;
}

async function costPerRequest(bench: Bench, { server, shot, behind }: Asked): Promise<Cost> {
  const stop = await startMeter(server.cpu, behind);
  const { requests } = await burst(bench, shot);
  const cost = await stop();
  return { server: cost.server / requests, behind: cost.behind && cost.behind / requests };
}

async function burst({ load, seconds }: Bench, shot: Shot) {
  const result = await load.send(shot, seconds);
  if (result.failures > 0 || result.requests === 0) {
    throw new Error(`${shot.url}: ${result.failures} of ${result.requests} requests failed.`);
  }
  return result;
}

/** Returns the size of the gateway's response in bytes. @throws if the floor's response differs. */
async function requireSameAnswer(gateway: Shot, floor: Shot): Promise<number> {
  const [text, floorText] = await Promise.all([ask(gateway), ask(floor)]);
  const answer = readWithoutIds(text);
  if ('errors' in answer || !isDeepStrictEqual(answer, readWithoutIds(floorText))) {
    throw new Error(`The answers differ.\ngateway: ${text}\nfloor: ${floorText}`);
  }
  return Buffer.byteLength(text);
}

function readWithoutIds(text: string): object {
  return JSON.parse(text, (key, value) => (key === 'id' ? undefined : value));
}

async function ask({ url, headers, body }: Shot): Promise<string> {
  return (await fetch(url, { method: 'POST', headers, body })).text();
}

function formatBytes(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${(bytes / 1_000).toFixed(1)} kB`;
}
