import { setTimeout } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { removeChatbotPart } from '../store/chatbot-removal.ts';
import { type DeletedChatbot, listDeletedChatbots } from '../store/deleted-chatbots.ts';

const POLL_MS = 10_000;
/** The maximum time that a request waits for the removal; the remaining rows are removed after the response. */
const MAX_WAIT_MS = 2_000;

type RemovalDeps = Pick<Deps, 'db' | 'background'>;

/**
 * Starts removing the rows of deleted chatbots: at once, to continue removals that a crash interrupted, and then every
 * ten seconds. The transactions are short, so that other requests can run between them.
 * @returns a function that stops the timer.
 */
export function startRemovingChatbots(deps: RemovalDeps): () => void {
  let isRunning = false;
  const run = () => {
    if (isRunning) return;
    isRunning = true;
    deps.background.run('remove deleted chatbots', async (signal) => {
      try {
        for (const chatbot of await listDeletedChatbots(deps.db.read)) await removeChatbot(deps, chatbot, signal);
      } finally {
        isRunning = false;
      }
    });
  };
  run();
  const timer = setInterval(run, POLL_MS);
  return () => clearInterval(timer);
}

/** Removes the rows of a chatbot that was just deleted; resolves when they are removed, or after two seconds. */
export async function removeOrContinueInBackground(deps: RemovalDeps, chatbot: DeletedChatbot): Promise<void> {
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  deps.background.run('remove a deleted chatbot', (signal) => removeChatbot(deps, chatbot, signal).finally(resolve));
  await Promise.race([removed, setTimeout(MAX_WAIT_MS, undefined, { ref: false })]);
}

async function removeChatbot({ db, background }: RemovalDeps, chatbot: DeletedChatbot, signal: AbortSignal) {
  let hasMore = true;
  while (hasMore && !signal.aborted && !background.isDraining) {
    hasMore = await db.transaction((trx) => removeChatbotPart(trx, chatbot));
    // On SQLite a transaction blocks the event loop; this pause lets requests run between transactions.
    await setTimeout(0);
  }
}
