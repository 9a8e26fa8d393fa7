import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark, Figure } from './benchmark.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import { costPerToken, DEFAULT_STREAMS, measureAlternately, type StreamSetup } from './measure-streams.ts';
import { CORES, type Server, startServer } from './server.ts';
import type { TokenRate } from './token-generator.ts';

/** The rate of a fast model. */
const FAST_MODEL_RATE: TokenRate = { tokens: 400, perSecond: 200 };

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
    const startAndTrack = async (server: Promise<Server>) => {
      opened.push(await server);
      return server;
    };
    try {
      const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
      const script = 'bench/fake-provider.ts';
      const provider = await startAndTrack(
        startServer({ script, env: {}, logPath: join(dir, 'provider.log'), core: CORES.load }),
      );
      const baseline = await startAndTrack(
        startServer({
          script: 'bench/model-baseline.ts',
          env: { PROVIDER_URL: provider.url },
          logPath: join(dir, 'baseline.log'),
        }),
      );
      const settings = { OPENAI_COMPATIBLE_BASE_URL: provider.url };
      const gateway = await startAndTrack(startGateway(dir, 'bin/chatgraph.js', { settings }));
      await useModel(gateway, account);
      const startUrl = provider.url;
      const baselineSetup: StreamSetup = { kind: 'sse', server: baseline, account, startUrl };
      const gatewaySetup: StreamSetup = { kind: 'messageStream', server: gateway, account, startUrl };
      const setups: StreamSetup[] = [
        baselineSetup,
        gatewaySetup,
        { ...baselineSetup, streams: 1 },
        { ...gatewaySetup, sharedReplyQuery: 'same' },
      ];
      const results = await measureAlternately(bench, setups, (setup) => costPerToken(setup, FAST_MODEL_RATE));
      await assertNoFailedRequests(gateway);
      const costs = results.map((rounds) => rounds.map(({ cost }) => cost));
      const [baselineManyReplies = [], manyReplies = [], baselineOneReply = [], oneReply = []] = costs;
      const figures: Figure[] = [
        {
          quantity: `token of a provider, ${DEFAULT_STREAMS} replies, one subscriber each`,
          unit: 'µs',
          gateway: manyReplies,
          baseline: baselineManyReplies,
        },
        {
          quantity: `token of a provider, one reply, ${DEFAULT_STREAMS} subscribers`,
          unit: 'µs',
          // The load counts every token once per subscriber.
          gateway: oneReply.map((cost) => cost * DEFAULT_STREAMS),
          baseline: baselineOneReply,
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

/** Makes the first chatbot use the fake provider. The load sends its questions to this chatbot. */
async function useModel({ url }: Server, { key, chatbotIds }: BenchAccount): Promise<void> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: USE_MODEL, variables: { id: chatbotIds[0] } }),
  });
  const text = await response.text();
  if (JSON.parse(text).data?.updateChatbot.__typename !== 'UpdateChatbotPayload') throw new Error(text);
}
