import { setImmediate } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import { idStartAt } from '../domain/ids.ts';
import { type Embedder, MAX_BATCH } from '../models/embedder.ts';
import { ModelFailure } from '../models/failure.ts';
import { claimTask, releaseTask } from '../store/cluster/task-claims.ts';
import {
  countUnembedded,
  listPassagesToEmbed,
  listUnembedded,
  type PassageToEmbed,
  saveVectors,
} from '../store/search/vectors.ts';

/** How often the task looks for new passages; those that it finds are embedded at once. */
const POLL_MS = 5_000;
/** How often the task looks at all passages; in between only at those of the last minutes. */
const FULL_CHECK_MS = 60 * 60 * 1_000;
/** Longer than it takes to write a source, and than the clocks of two gateways differ. */
const RECENT_MS = 10 * 60 * 1_000;
const PROGRESS_LOG_MS = 60_000;
/** A text that every model can embed. */
const CHECK_TEXT = 'text';

type EmbedDeps = Pick<Deps, 'db' | 'clock' | 'node' | 'background' | 'logger' | 'metrics'> & {
  readonly embedder: Embedder;
};

/** The progress of the task in this process. The database has all that it needs after a restart: the missing vectors. */
interface Progress {
  /** The id of the last passage that was looked at in an unfinished check; undefined after a check. */
  after: string | undefined;
  fullCheckAt: number;
  /** The length of the vectors that were current at the last full check. */
  dimensions: number | undefined;
  /** Passages that the model cannot embed. They are tried again with the next full check. */
  readonly failedIds: Set<string>;
  /** Passages without a vector at the last full check, less those that this process has embedded since. */
  remaining: number;
  /** The number of passages that this process has embedded since the last log line, and the time of that. */
  embedded: number;
  loggedAt: number;
}

/**
 * Embeds passages in the background: all that have no vector of the current model, and new ones within seconds. Of
 * several gateways one embeds at a time; another one goes on if that one stops or crashes.
 * @returns a function that stops the timer.
 */
export function startEmbeddingPassages(deps: EmbedDeps): () => void {
  const progress = createProgress();
  let isRunning = false;
  const run = () => {
    if (isRunning) return;
    isRunning = true;
    deps.background.run('embed passages', async (signal) => {
      try {
        await embedPassages(deps, progress, signal);
      } finally {
        isRunning = false;
      }
    });
  };
  run();
  const timer = setInterval(run, POLL_MS);
  return () => clearInterval(timer);
}

/** Creates the progress of a process that has not looked at any passage. */
export function createProgress(): Progress {
  const counts = { remaining: 0, embedded: 0, loggedAt: Number.NEGATIVE_INFINITY };
  return { after: undefined, fullCheckAt: 0, dimensions: undefined, failedIds: new Set(), ...counts };
}

/**
 * Embeds the passages that have no current vector, until there are none, the embedder fails, another gateway does the
 * same work, or this one stops. The next call continues there.
 */
export async function embedPassages(deps: EmbedDeps, progress: Progress, signal: AbortSignal): Promise<void> {
  const { db, node, background, embedder } = deps;
  if (progress.after === undefined) progress.after = await startCheck(deps, progress);
  let isClaimed = false;
  try {
    while (progress.after !== undefined) {
      const { ids, last } = await listUnembedded(db.read, embedder, progress.after);
      const missing = ids.filter((id) => !progress.failedIds.has(id));
      for (let start = 0; start < missing.length; start += MAX_BATCH) {
        if (signal.aborted || background.isDraining) return;
        isClaimed = await db.transaction((trx) => claimTask(trx, 'embed-passages', node.id));
        if (!isClaimed) return;
        await embedBatch(deps, progress, missing.slice(start, start + MAX_BATCH), signal);
      }
      progress.after = last;
      await setImmediate();
    }
    logProgress(deps, progress);
  } catch (error) {
    // The embedder has logged its failure.
    if (!(error instanceof ModelFailure)) throw error;
  } finally {
    if (isClaimed) await db.transaction((trx) => releaseTask(trx, 'embed-passages', node.id));
  }
}

/** Decides where a check starts. Returns the id after which it looks. */
async function startCheck({ db, clock, embedder, metrics }: EmbedDeps, progress: Progress): Promise<string> {
  const now = clock.monotonicMs();
  const { dimensions } = embedder;
  if (now < progress.fullCheckAt && dimensions === progress.dimensions) return idStartAt(clock.now() - RECENT_MS);
  Object.assign(progress, { fullCheckAt: now + FULL_CHECK_MS, dimensions });
  progress.failedIds.clear();
  progress.remaining = await countUnembedded(db.read, embedder);
  metrics.passagesToEmbed.set(progress.remaining);
  return '';
}

/**
 * Embeds passages, unless another gateway has embedded them before this one claimed the task. Those of a batch that fails
 * are tried one by one, so that one that the model cannot embed does not stop the others.
 * @throws ModelFailure when the embedder fails at any text.
 */
async function embedBatch(deps: EmbedDeps, progress: Progress, ids: readonly string[], signal: AbortSignal) {
  const { db, embedder, logger } = deps;
  const passages = await listPassagesToEmbed(db.read, embedder, ids);
  if (passages.length === 0) return;
  try {
    await embedAndSave(deps, progress, passages, signal);
  } catch (error) {
    if (!(error instanceof ModelFailure) || signal.aborted) throw error;
    if (passages.length > 1) {
      for (const { id } of passages) await embedBatch(deps, progress, [id], signal);
      return;
    }
    await embedder.embed([CHECK_TEXT], 'passage', signal);
    for (const { id } of passages) progress.failedIds.add(id);
    logger.warn({ passageIds: ids, code: error.code, detail: error.message }, 'the model cannot embed a passage');
  }
}

async function embedAndSave(
  deps: EmbedDeps,
  progress: Progress,
  passages: readonly PassageToEmbed[],
  signal: AbortSignal,
): Promise<void> {
  const { db, clock, embedder, metrics } = deps;
  const vectors = await embedder.embed(passages.map(toText), 'passage', signal);
  const vectorById = new Map(passages.map(({ id }, index) => [id, vectors[index] ?? new Float32Array()]));
  await db.transaction((trx) => saveVectors(trx, embedder.model, vectorById));
  progress.embedded += vectors.length;
  progress.remaining = Math.max(0, progress.remaining - vectors.length);
  metrics.passagesToEmbed.set(progress.remaining);
  if (clock.monotonicMs() - progress.loggedAt >= PROGRESS_LOG_MS) logProgress(deps, progress);
}

function logProgress({ logger, clock, embedder }: EmbedDeps, progress: Progress): void {
  const { embedded, remaining } = progress;
  if (embedded > 0) logger.info({ embedded, remaining, model: embedder.model }, 'embedded passages');
  Object.assign(progress, { embedded: 0, loggedAt: clock.monotonicMs() });
}

/** The text of a passage with what precedes it in its source, which may say what it is about. */
function toText({ title, headingPath, text }: PassageToEmbed): string {
  return [...new Set([title, ...headingPath]), text].join('\n');
}
