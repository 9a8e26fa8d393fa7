import { join } from 'node:path';
import { type Server, startServer } from './server.ts';

/**
 * Starts the gateway as operators run it, with every feature enabled, but a rate limit that is never reached.
 * @param script the gateway's program, or the script that replaces its model.
 * @param flags additional flags of Node.
 * @param settings additional environment variables.
 */
export function startGateway(
  dir: string,
  script: string,
  { flags = [], settings = {} }: { flags?: readonly string[]; settings?: Readonly<Record<string, string>> } = {},
): Promise<Server> {
  return startServer({
    script,
    flags,
    env: {
      PORT: '0',
      DATA_DIR: dir,
      SEED_DEMO: 'false',
      LOG_LEVEL: 'info',
      RATE_LIMIT_PER_MINUTE: '1000000',
      ...settings,
    },
    logPath: join(dir, 'gateway.log'),
  });
}

/** @throws if the gateway's metrics count a refusal. The load sees only the status, which is 200 for many refusals. */
export async function assertNoFailedRequests({ url }: Server): Promise<void> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const refusals = metrics
    .split('\n')
    .filter(
      (line) =>
        (line.startsWith('chatgraph_graphql_operation_seconds_count') && !line.includes('outcome="ok"')) ||
        (line.startsWith('chatgraph_rate_limited_total') && !line.endsWith(' 0')),
    );
  if (refusals.length > 0) throw new Error(`The gateway refused requests:\n${refusals.join('\n')}`);
}
