import type { Deps } from '../deps.ts';
import { sendHeartbeat } from '../store/cluster/nodes.ts';

/** The heartbeat of this node, which renews its lease: see `LEASE_MS` in `node-leases.ts`. */
export interface Heartbeat {
  /** Sends a heartbeat now. Returns whether the lease still existed. */
  send(): Promise<boolean>;
  close(): void;
}

/**
 * Sends a heartbeat at an interval, on a dedicated database connection, because a node whose other connections are all
 * busy is not dead. A failed heartbeat is not retried before the next interval.
 */
export function startHeartbeat({ db, node }: Pick<Deps, 'db' | 'node'>, intervalMs: number): Heartbeat {
  let sending: Promise<boolean> | undefined;

  function send(): Promise<boolean> {
    sending ??= sendHeartbeat(db.heartbeat, node.id).finally(() => {
      sending = undefined;
    });
    return sending;
  }

  // Errors are ignored here: the reply watcher logs that the database is unavailable.
  const timer = setInterval(() => void send().catch(() => {}), intervalMs);
  return { send, close: () => clearInterval(timer) };
}
