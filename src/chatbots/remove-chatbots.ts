import { setTimeout } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { removeChatbotPart } from '../store/chatbot-removal.ts';
import { type DeletedChatbot, listDeletedChatbots } from '../store/deleted-chatbots.ts';

const POLL_MS = 10_000;
/** The longest that a request waits for the removal; the rest is removed after the response. */
const MAX_WAIT_MS = 2_000;

type RemovalDeps = Pick<Deps, 'db' | 'background'>;

/**
 * Starts to remove the rows of deleted chatbots: at once, which continues what a crash interrupted, and then every ten
 * seconds. The transactions are short, so that other requests run between them.
 * @returns a function that stops it.
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

/** Removes the rows of a chatbot that was just deleted; resolves when that is done, or after two seconds. */
export async function removeInBackground(deps: RemovalDeps, chatbot: DeletedChatbot): Promise<void> {
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  deps.background.run('remove a deleted chatbot', (signal) => removeChatbot(deps, chatbot, signal).finally(resolve));
  await Promise.race([removed, setTimeout(MAX_WAIT_MS, undefined, { ref: false })]);
}

async function removeChatbot({ db, background }: RemovalDeps, chatbot: DeletedChatbot, signal: AbortSignal) {
  let isMore = true;
  while (isMore && !signal.aborted && !background.isDraining) {
    isMore = await db.transaction((trx) => removeChatbotPart(trx, chatbot));
    // On SQLite a transaction blocks the event loop; this lets requests run in between.
    await setTimeout(0);
  }
}
