import { once } from 'node:events';
import { connect } from 'node:net';

/** The Postgres server on which each test creates its databases. */
export const TEST_DATABASE_URL = process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';

/** The Redis that tests share. */
export const TEST_REDIS_URL = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'postgres:': 5432, 'postgresql:': 5432, 'redis:': 6379 };
const TIMEOUT_MS = 2_000;

/** Whether a server listens at a URL; throws in CI if none does, because CI must not skip the tests that need it. */
export async function isReachable(url: string): Promise<boolean> {
  const { protocol, hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) || (DEFAULT_PORTS[protocol] ?? 0) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return true;
  } catch (error) {
    if (process.env.CI) throw new Error(`The tests cannot connect to ${protocol}//${host}.`, { cause: error });
    return false;
  } finally {
    socket.destroy();
  }
}
