import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { indexNextMessages } from '../store/inbox/message-index.ts';

const INTERVAL_MS = 60 * 60 * 1_000;
/** During an update, gateways of an earlier version write messages without indexing them for at most this time. */
const MAX_UPDATE_MS = 60 * 60 * 1_000;

type IndexDeps = Pick<Deps, 'db' | 'clock' | 'background'>;

/**
 * Indexes the messages that are not in the index yet, at once and then every hour: after an update to this version, all
 * older messages, and later those that gateways of an earlier version have written during the update.
 * @returns a function that stops the timer.
 */
export function startIndexingMessages(deps: IndexDeps): () => void {
  let isRunning = false;
  const run = () => {
    if (isRunning) return;
    isRunning = true;
    deps.background.run('index messages', async (signal) => {
      try {
        await indexMessages(deps, signal);
      } finally {
        isRunning = false;
      }
    });
  };
  run();
  const timer = setInterval(run, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Indexes the messages that are not in the index, oldest first, in short transactions; continues after a restart. */
export async function indexMessages({ db, clock, background }: IndexDeps, signal: AbortSignal): Promise<void> {
  const settledBefore = toTimestamp(clock.now() - MAX_UPDATE_MS);
  let after: string | undefined;
  do {
    const last = after;
    after = await db.transaction((trx) => indexNextMessages(trx, last, settledBefore));
  } while (after !== undefined && !signal.aborted && !background.isDraining);
}
