import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { compareRequests } from './compare.ts';
import { type BenchAccount, fillDatabase } from './data.ts';
import { assertNoFailedRequests, startGateway } from './gateway.ts';
import type { LoadRequest } from './load.ts';
import { type Server, startServer } from './server.ts';

/** A query that is measured over HTTP, and compared with bare graphql-js. */
interface QueryCase {
  readonly goal: string;
  readonly quantity: string;
  readonly target: number;
  readonly query: string;
  variables(account: BenchAccount): object;
}

/** The query of an operator's dashboard. */
export const DASHBOARD = `query Dashboard {
  chatbots(first: 10) {
    nodes {
      id name slug isActive
      sources(first: 5) { nodes { id title status } }
      conversations(first: 5) { nodes { id sessionId status lastMessage { role content createdAt } } }
    }
    pageInfo { hasNextPage }
  }
}`;

/** The query of one chatbot. */
export const SMALL = 'query Small($id: ID!) { chatbot(id: $id) { id name slug isActive } }';

/** G1: an operator's dashboard query, 10 chatbots × (5 sources + 5 conversations, each with its last message). */
export const dashboard = createQueryBenchmark('dashboard', {
  goal: 'G1',
  quantity: 'dashboard query',
  target: 0.9,
  query: DASHBOARD,
  variables: () => ({}),
});

/** G3: one chatbot by its id. */
export const small = createQueryBenchmark('small', {
  goal: 'G3',
  quantity: 'small query',
  target: 2,
  query: SMALL,
  variables: ({ chatbotIds }) => ({ id: chatbotIds[3] }),
});

function createQueryBenchmark(name: string, { goal, quantity, target, query, variables }: QueryCase): Benchmark {
  return {
    name,
    async run(bench) {
      const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
      const opened: Server[] = [];
      try {
        const account = await fillDatabase(`sqlite:${join(dir, 'chatgraph.db')}`);
        const gateway = await startGateway(dir, 'bin/chatgraph.js');
        opened.push(gateway);
        const baseline = await startBaseline(dir, account);
        opened.push(baseline);
        const request = createRequest(gateway, account, query, variables(account));
        const { size, ...costs } = await compareRequests(
          bench,
          quantity,
          { server: gateway, request },
          { server: baseline, request: { ...request, url: baseline.url } },
        );
        await assertNoFailedRequests(gateway);
        return [
          {
            goal,
            quantity: `${quantity}, ${size}`,
            unit: 'µs',
            gateway: costs.gateway.map(({ server }) => server),
            baseline: costs.baseline.map(({ server }) => server),
            target,
          },
        ];
      } finally {
        for (const server of opened) await server.close();
        await rm(dir, { recursive: true });
      }
    },
  };
}

function startBaseline(dir: string, { accountId }: BenchAccount): Promise<Server> {
  return startServer({
    script: 'bench/query-baseline.ts',
    args: [join(dir, 'chatgraph.db'), accountId],
    env: {},
    logPath: join(dir, 'baseline.log'),
  });
}

/** Creates a GraphQL request to a gateway. */
export function createRequest({ url }: Server, { key }: BenchAccount, query: string, variables: object): LoadRequest {
  return {
    url: `${url}/graphql`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  };
}
