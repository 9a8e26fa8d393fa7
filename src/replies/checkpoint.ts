import type { Deps } from '../deps.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { saveAnswer } from '../store/open-replies.ts';
import type { LiveReply } from './live-replies.ts';

const SAVE_INTERVAL_MS = 1_000;
/** How long readers wait at most for the first text to be saved. */
const FIRST_SAVE_MS = 500;

/**
 * Saves what has been written of the answers under way, every second in which it changed, all in one transaction: more
 * than the last second is never lost with the process. What could not be saved is tried again a second later.
 * @returns a function that ends it.
 */
export function startCheckpoints(deps: Pick<Deps, 'db' | 'liveReplies' | 'background'>): () => void {
  let isSaving = false;
  let isRefused = false;

  async function save(): Promise<void> {
    // Copied in one go: they are written on while they are saved.
    const changed = [...deps.liveReplies]
      .map(([id, answer]) => ({ id, answer, size: sizeOf(answer), ...copyText(answer) }))
      .filter(({ answer, size }) => size > answer.savedSize);
    if (changed.length === 0) return;
    isSaving = true;
    try {
      await deps.db.transaction(async (trx) => {
        for (const { answer, ...written } of changed) await saveAnswer(trx, answer.accountId, written);
      });
      for (const { answer, size } of changed) answer.savedSize = size;
      isRefused = false;
    } catch (error) {
      // That is said once, however long it lasts.
      if (isRefused && error instanceof StorageUnavailableError) return;
      isRefused = true;
      throw error;
    } finally {
      isSaving = false;
    }
  }

  const timer = setInterval(() => {
    if (!isSaving) deps.background.run('save answers', save);
  }, SAVE_INTERVAL_MS);
  return () => clearInterval(timer);
}

/**
 * Saves the first text of an answer before anybody is told of it, so that what a crash leaves shows whether anybody has
 * seen any of the answer. Where that takes long or fails, readers do not wait for it.
 */
export async function saveFirstText(deps: Pick<Deps, 'db'>, id: string, answer: LiveReply): Promise<void> {
  const size = sizeOf(answer);
  const written = { id, ...copyText(answer) };
  const saving = deps.db
    .transaction((trx) => saveAnswer(trx, answer.accountId, written), { isLazy: true })
    .then(() => {
      answer.savedSize = Math.max(answer.savedSize, size);
    })
    // It is saved with the next second's text.
    .catch(() => {});
  const { promise: isLate, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, FIRST_SAVE_MS);
  await Promise.race([saving, isLate]);
  clearTimeout(timer);
}

/** Grows with everything that is written. */
const sizeOf = ({ content, citations }: LiveReply): number => content.length + citations.length;

const copyText = ({ content, citations }: LiveReply) => ({ content, citations: [...citations] });
