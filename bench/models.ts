import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, Figure } from './benchmark.ts';
import type { Score } from './conductor.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { costPerToken, type Side, STREAMS, takeTurns } from './deliver.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { CORES, type Server, startServer } from './server.ts';

/** The rate of a fast model. */
const WRITTEN: Score = { tokens: 400, perSecond: 200 };

/**
 * The cost of a token from a provider's socket to the subscribers' sockets, with every feature of the gateway enabled,
 * compared with reading the same stream line by line: for 100 replies with one subscriber each, and for one reply with
 * 100 subscribers.
 */
export const models: Benchmark = {
  name: 'models',
  async run(bench) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    const opened: Server[] = [];
    const open = async (server: Promise<Server>) => {
      opened.push(await server);
      return server;
    };
    try {
      const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
      const script = 'bench/model-vendor.ts';
      const vendor = await open(startServer({ script, env: {}, logPath: join(dir, 'vendor.log'), core: CORES.load }));
      const floor = await open(
        startServer({
          script: 'bench/model-floor.ts',
          env: { VENDOR_URL: vendor.url },
          logPath: join(dir, 'floor.log'),
        }),
      );
      const settings = { OPENAI_COMPATIBLE_BASE_URL: vendor.url };
      const gateway = await open(startGateway(dir, 'bin/chatgraph.js', { settings }));
      await useModel(gateway, account);
      const beginUrl = vendor.url;
      const floorSide: Side = { kind: 'sse', server: floor, account, beginUrl };
      const gatewaySide: Side = { kind: 'messageStream', server: gateway, account, beginUrl };
      const sides: Side[] = [
        floorSide,
        gatewaySide,
        { ...floorSide, streams: 1 },
        { ...gatewaySide, audience: 'alike' },
      ];
      const results = await takeTurns(bench, sides, (side) => costPerToken(side, WRITTEN));
      await assertNoFailedRequests(gateway);
      const [many = [], answers = [], one = [], audience = []] = results.map((side) => side.map(({ cost }) => cost));
      const figures: Figure[] = [
        {
          what: `token of a provider, ${STREAMS} answers, a subscriber each`,
          unit: 'µs',
          gateway: answers,
          floor: many,
        },
        {
          what: `token of a provider, one answer, ${STREAMS} subscribers`,
          unit: 'µs',
          // The load counts every token once per subscriber.
          gateway: audience.map((cost) => cost * STREAMS),
          floor: one,
        },
      ];
      return figures;
    } finally {
      for (const server of opened) await server.close();
      await rm(dir, { recursive: true });
    }
  },
};

const USE_MODEL = `mutation Use($id: ID!) {
  updateChatbot(input: { id: $id, provider: "open", model: "bench", answering: { grounding: OPEN } }) { __typename }
}`;

/** Makes the first chatbot, which the load asks, use the simulated provider. */
async function useModel({ url }: Server, { key, chatbotIds }: BenchAccount): Promise<void> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: USE_MODEL, variables: { id: chatbotIds[0] } }),
  });
  const text = await response.text();
  if (JSON.parse(text).data?.updateChatbot.__typename !== 'UpdateChatbotPayload') throw new Error(text);
}
