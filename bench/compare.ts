import { isDeepStrictEqual } from 'node:util';
import type { BenchContext } from './benchmark.ts';
import { type CpuClock, type CpuCost, startCpuMeter } from './cpu.ts';
import type { LoadRequest } from './load.ts';
import type { Server } from './server.ts';

/** A server, and the request that measures it. */
export interface RequestTarget {
  readonly server: Server;
  readonly request: LoadRequest;
  /** The CPU time of other processes that work for the server, such as its database. */
  readonly backendCpu?: CpuClock | undefined;
}

/** The cost of a request on two servers, in the same rounds. */
export interface Comparison {
  /** The size of the gateway's response, such as `18.1 kB`. */
  readonly size: string;
  readonly gateway: readonly CpuCost[];
  readonly baseline: readonly CpuCost[];
}

const WARM_UP_REQUESTS = 2_500;

/**
 * Measures the cost of one request on two servers.
 * @throws if their responses differ in anything but ids, which differ in each database.
 */
export async function compareRequests(
  bench: BenchContext,
  name: string,
  gateway: RequestTarget,
  baseline: RequestTarget,
): Promise<Comparison> {
  const bytes = await assertSameResponse(gateway.request, baseline.request);
  bench.logProgress(`${name}: ${bytes} bytes, warming up`);
  for (const { request } of [gateway, baseline]) await warmUp(bench, request);

  const costs = { gateway: [] as CpuCost[], baseline: [] as CpuCost[] };
  for (let round = 1; round <= bench.rounds; round++) {
    bench.logProgress(`${name}: round ${round} of ${bench.rounds}`);
    // The order alternates, so that a machine that slows down favours neither server.
    const order = round % 2 === 1 ? (['gateway', 'baseline'] as const) : (['baseline', 'gateway'] as const);
    for (const key of order) costs[key].push(await costPerRequest(bench, key === 'gateway' ? gateway : baseline));
  }
  await assertSameResponse(gateway.request, baseline.request);
  return { size: formatBytes(bytes), ...costs };
}

/** Warms up with a fixed number of requests, not for a fixed time, because code is compiled by its number of calls. */
async function warmUp(bench: BenchContext, request: LoadRequest): Promise<void> {
  let sent = 0;
  while (sent < WARM_UP_REQUESTS) sent += (await sendBurst(bench, request)).requests;
}

async function costPerRequest(bench: BenchContext, { server, request, backendCpu }: RequestTarget): Promise<CpuCost> {
  const stopCpuMeter = await startCpuMeter(server.cpu, backendCpu);
  const { requests } = await sendBurst(bench, request);
  const cost = await stopCpuMeter();
  return { server: cost.server / requests, backend: cost.backend && cost.backend / requests };
}

async function sendBurst({ load, seconds }: BenchContext, request: LoadRequest) {
  const result = await load.send(request, seconds);
  if (result.failures > 0 || result.requests === 0) {
    throw new Error(`${request.url}: ${result.failures} of ${result.requests} requests failed.`);
  }
  return result;
}

/** Returns the size of the gateway's response in bytes. @throws if the baseline's response differs. */
async function assertSameResponse(gateway: LoadRequest, baseline: LoadRequest): Promise<number> {
  const [text, baselineText] = await Promise.all([sendRequest(gateway), sendRequest(baseline)]);
  const response = readWithoutIds(text);
  if ('errors' in response || !isDeepStrictEqual(response, readWithoutIds(baselineText))) {
    throw new Error(`The responses differ.\ngateway: ${text}\nbaseline: ${baselineText}`);
  }
  return Buffer.byteLength(text);
}

function readWithoutIds(text: string): object {
  return JSON.parse(text, (key, value) => (key === 'id' ? undefined : value));
}

async function sendRequest({ url, headers, body }: LoadRequest): Promise<string> {
  return (await fetch(url, { method: 'POST', headers, body })).text();
}

function formatBytes(bytes: number): string {
  return bytes < 1_000 ? `${bytes} B` : `${(bytes / 1_000).toFixed(1)} kB`;
}
