import { existsSync } from 'node:fs';
import { sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';
import { isPostgres } from '../../src/store/engines/engine.ts';
import { hasSchedstat, readSchedstat } from '../cpu.ts';

/** Measures how long a search takes, in microseconds. */
export type MeasureSearch = (run: () => Promise<unknown>) => Promise<number>;

/**
 * Creates a stopwatch of the CPU time of this process and of the Postgres processes that serve it: other processes on a
 * busy machine lengthen long searches more than short ones. If the Postgres processes cannot be read, because they run
 * elsewhere, it measures the time that passes.
 */
export async function createSearchClock(db: Database): Promise<MeasureSearch> {
  const pids = isPostgres(db.read) ? await listBackends(db) : [];
  if (pids === undefined) {
    return async (run) => {
      const start = performance.now();
      await run();
      return (performance.now() - start) * 1_000;
    };
  }
  return async (run) => {
    const backendStart = readBackends(pids);
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    return user + system + readBackends(pids) - backendStart;
  };
}

/** The processes of the connections to the database; undefined if they are not processes of this machine. */
async function listBackends(db: Database): Promise<readonly number[] | undefined> {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'
  `.execute(db.read);
  const pids = rows.map(({ pid }) => pid);
  return hasSchedstat && pids.every((pid) => existsSync(`/proc/${pid}/task`)) ? pids : undefined;
}

const readBackends = (pids: readonly number[]) => pids.reduce((sum, pid) => sum + readSchedstat(pid), 0);
