import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext, Benchmark, Figure } from './benchmark.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import type { Server } from './server.ts';
import { openSocket, type SentQuestion, type Socket, SUBSCRIPTIONS, sendQuestion } from './token-client.ts';

const SUBSCRIPTION_COUNT = 1_000;
/** The maximum number of operations that the gateway allows on a socket. */
const PER_SOCKET = 20;

/** G8: the heap size of an idle subscription. Each subscription follows a different reply. */
export const heap: Benchmark = {
  name: 'heap',
  async run(bench) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    let gateway: Server | undefined;
    try {
      const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
      gateway = await startGateway(dir, 'bench/token-gateway.ts', { flags: ['--expose-gc'] });
      const replies: SentQuestion[] = [];
      for (let i = 0; i < SUBSCRIPTION_COUNT; i++) {
        replies.push(await sendQuestion(gateway.url, account, 'Where is my parcel?'));
      }
      const figures: Figure[] = [];
      for (const kind of ['messageStream', 'conversationEvents'] as const) {
        const sizes = await measure(bench, kind, gateway, account, replies);
        figures.push({ goal: 'G8', quantity: `heap, idle ${kind}`, unit: 'kB', gateway: sizes, target: 20 });
      }
      await assertNoFailedRequests(gateway);
      return figures;
    } finally {
      await gateway?.close();
      await rm(dir, { recursive: true });
    }
  },
};

/** Returns the kilobytes per subscription of each round. A first, uncounted round compiles code and fills caches. */
async function measure(
  bench: BenchContext,
  kind: keyof typeof SUBSCRIPTIONS,
  { url, readHeap }: Server,
  { key }: BenchAccount,
  replies: readonly SentQuestion[],
): Promise<number[]> {
  const sizes: number[] = [];
  for (let round = 0; round <= bench.rounds; round++) {
    const sockets: Socket[] = [];
    for (let i = 0; i < replies.length; i += PER_SOCKET) sockets.push(await openSocket(url, key));
    const before = await readHeap();
    const opening: Promise<void>[] = [];
    for (const [i, socket] of sockets.entries()) {
      opening.push(...replies.slice(i * PER_SOCKET, (i + 1) * PER_SOCKET).map((reply) => follow(socket, kind, reply)));
    }
    await Promise.all(opening);
    const size = ((await readHeap()) - before) / replies.length / 1_000;
    bench.logProgress(
      `idle ${kind}: ${round === 0 ? 'warming up' : `round ${round} of ${bench.rounds}`}, ${size.toFixed(1)} kB`,
    );
    if (round > 0) sizes.push(size);
    await Promise.all(sockets.map((socket) => socket.close()));
  }
  return sizes;
}

/** Resolves when the subscription has received its first event. */
function follow(socket: Socket, kind: keyof typeof SUBSCRIPTIONS, reply: SentQuestion): Promise<void> {
  const { query, variables } = SUBSCRIPTIONS[kind];
  return new Promise((resolve) => socket.subscribe(query, variables(reply), () => resolve()));
}
