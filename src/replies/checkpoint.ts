import type { Deps } from '../deps.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { savePartialText } from '../store/open-replies.ts';
import type { LiveReply } from './live-replies.ts';

const SAVE_INTERVAL_MS = 1_000;
/** The maximum time that subscribers wait for the first checkpoint. */
const MAX_FIRST_SAVE_MS = 500;

/**
 * Every second, saves the texts of the live replies that have changed, all in one transaction. So a crash loses at most
 * the text of the last second. A failed save is retried a second later.
 * @returns a function that stops the timer.
 */
export function startCheckpoints(deps: Pick<Deps, 'db' | 'liveReplies' | 'background'>): () => void {
  let isSaving = false;
  let isFailing = false;

  async function save(): Promise<void> {
    // Copies all texts first, because they grow while they are being saved.
    const changedReplies = [...deps.liveReplies]
      .map(([id, reply]) => ({ id, reply, size: sizeOf(reply), ...copyText(reply) }))
      .filter(({ reply, size }) => size > reply.savedSize);
    if (changedReplies.length === 0) return;
    isSaving = true;
    try {
      await deps.db.transaction(async (trx) => {
        for (const { reply, ...text } of changedReplies) await savePartialText(trx, reply.accountId, text);
      });
      for (const { reply, size } of changedReplies) reply.savedSize = size;
      isFailing = false;
    } catch (error) {
      // An outage is logged once, however long it lasts.
      if (isFailing && error instanceof StorageUnavailableError) return;
      isFailing = true;
      throw error;
    } finally {
      isSaving = false;
    }
  }

  const timer = setInterval(() => {
    if (!isSaving) deps.background.run('save checkpoints', save);
  }, SAVE_INTERVAL_MS);
  return () => clearInterval(timer);
}

/**
 * Saves the first text of a reply before any subscriber receives it. Therefore, if a reply has no saved text after a
 * crash, no subscriber has seen any of its text. If saving takes longer than 500 ms or fails, subscribers receive the
 * text anyway.
 */
export async function saveFirstText(deps: Pick<Deps, 'db'>, id: string, reply: LiveReply): Promise<void> {
  const size = sizeOf(reply);
  const text = { id, ...copyText(reply) };
  const saving = deps.db
    .transaction((trx) => savePartialText(trx, reply.accountId, text), { hasAsyncCommit: true })
    .then(() => {
      reply.savedSize = Math.max(reply.savedSize, size);
    })
    // Ignored, because the next checkpoint saves the text.
    .catch(() => {});
  const { promise: timeout, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, MAX_FIRST_SAVE_MS);
  await Promise.race([saving, timeout]);
  clearTimeout(timer);
}

/** Returns the size of a live reply: characters plus citations. It only grows. */
const sizeOf = ({ content, citations }: LiveReply): number => content.length + citations.length;

const copyText = ({ content, citations }: LiveReply) => ({ content, citations: [...citations] });
