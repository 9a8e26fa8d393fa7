import { setImmediate } from 'node:timers/promises';
import type { Deps } from '../deps.ts';
import type { IndexEntry } from '../store/search/inverted-index.ts';
import {
  countOutdatedSources,
  findOutdatedSource,
  type OutdatedSource,
  reindexSource,
} from '../store/search/outdated-sources.ts';
import { listPassages } from '../store/search/passages.ts';
import { toPassageTerms } from './passage-terms.ts';

type ReindexDeps = Pick<Deps, 'db' | 'clock' | 'background' | 'logger' | 'metrics'>;

/** The interval between two log lines about the progress. */
const REPORT_INTERVAL_MS = 10_000;

/** The number of passages that are read at a time. */
const PAGE_SIZE = 100;

/**
 * Starts indexing the passages whose index entries were made by the rules of an earlier version. Until it is done, a
 * search may miss them. After a restart it continues; several gateways may run it at the same time.
 */
export function startReindexing(deps: ReindexDeps): void {
  deps.background.run('reindex sources', (signal) => reindexSources(deps, signal));
}

/** Indexes the outdated sources, one transaction each, until none is left or the process stops. */
export async function reindexSources(deps: ReindexDeps, signal: AbortSignal): Promise<void> {
  const { db, clock, background, logger, metrics } = deps;
  let reportedAt = clock.now();
  let remaining = await countOutdatedSources(db.read);
  if (remaining === 0) return;
  logger.info({ sources: remaining }, 'indexing sources for this version');
  for (
    let source = await findOutdatedSource(db.read);
    source !== undefined && !signal.aborted && !background.isDraining;
    source = await findOutdatedSource(db.read)
  ) {
    await reindex(deps, source);
    remaining -= 1;
    metrics.sourcesToIndex.set(Math.max(0, remaining));
    if (clock.now() - reportedAt < REPORT_INTERVAL_MS) continue;
    reportedAt = clock.now();
    logger.info({ remaining }, 'indexing sources for this version');
  }
  remaining = await countOutdatedSources(db.read);
  metrics.sourcesToIndex.set(remaining);
  if (remaining === 0) logger.info('all sources are indexed for this version');
}

async function reindex({ db }: ReindexDeps, source: OutdatedSource): Promise<void> {
  const entries: IndexEntry[] = [];
  for await (const passage of readPassages(db.read, source)) {
    const { id: passageId, accountId, chatbotId, sourceId } = passage;
    entries.push({ passageId, accountId, chatbotId, sourceId, terms: toPassageTerms(source.title, passage) });
    // Splitting a passage into terms takes up to some milliseconds.
    await setImmediate();
  }
  await db.transaction((trx) => reindexSource(trx, source, entries));
}

async function* readPassages(db: ReindexDeps['db']['read'], { id, accountId }: OutdatedSource) {
  let after: string | undefined;
  do {
    const passages = await listPassages(db, accountId, id, { limit: PAGE_SIZE, after });
    yield* passages;
    after = passages.length < PAGE_SIZE ? undefined : passages.at(-1)?.id;
  } while (after !== undefined);
}
