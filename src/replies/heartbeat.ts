import type { Deps } from '../deps.ts';
import { renewLease } from '../store/cluster-nodes.ts';

/** What tells the other nodes that this one lives. */
export interface Heartbeat {
  /** Tells them now. Returns whether they still take this node for alive. */
  beat(): Promise<boolean>;
  close(): void;
}

/**
 * Tells the other nodes at an interval that this one lives, on a connection of its own: a node whose connections are all
 * busy is not dead. A beat that fails is followed by the next one.
 */
export function startHeartbeat({ db, node }: Pick<Deps, 'db' | 'node'>, intervalMs: number): Heartbeat {
  let beating: Promise<boolean> | undefined;

  function beat(): Promise<boolean> {
    beating ??= renewLease(db.heartbeat, node.id).finally(() => {
      beating = undefined;
    });
    return beating;
  }

  // Whoever looks after the nodes says that the database is away.
  const timer = setInterval(() => void beat().catch(() => {}), intervalMs);
  return { beat, close: () => clearInterval(timer) };
}
