import { setTimeout } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { removeSomeOfChatbot } from '../store/chatbot-removal.ts';
import { type DeletedChatbot, listDeletedChatbots } from '../store/deleted-chatbots.ts';

const POLL_MS = 10_000;
/** A caller waits so long for the rows to be gone; what is left is removed after the answer. */
const MAX_WAIT_MS = 2_000;

type RemovalDeps = Pick<Deps, 'db' | 'background'>;

/**
 * Removes what belongs to deleted chatbots, in short transactions between which others get their turn: at the start, which
 * goes on where a crash ended it, and then every ten seconds.
 * @returns a function that ends it.
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

/** Removes what belongs to a chatbot that was just deleted; resolves when that is done, or after two seconds. */
export async function removeInBackground(deps: RemovalDeps, chatbot: DeletedChatbot): Promise<void> {
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  deps.background.run('remove a deleted chatbot', (signal) => removeChatbot(deps, chatbot, signal).finally(resolve));
  await Promise.race([removed, setTimeout(MAX_WAIT_MS, undefined, { ref: false })]);
}

async function removeChatbot({ db, background }: RemovalDeps, chatbot: DeletedChatbot, signal: AbortSignal) {
  let isMore = true;
  while (isMore && !signal.aborted && !background.isDraining) {
    isMore = await db.transaction((trx) => removeSomeOfChatbot(trx, chatbot));
    // Where the database is a file, its transactions are one turn of the event loop each: requests come between them.
    await setTimeout(0);
  }
}
