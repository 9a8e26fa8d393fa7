import { expect, it, onTestFinished } from 'vitest';
import { toQueryWords } from '../../src/domain/language/terms.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { reindexSources } from '../../src/sources/reindex-sources.ts';
import { unindexSource } from '../../src/store/search/inverted-index.ts';
import { openIndex } from '../../src/store/search/search.ts';
import { deleteSource } from '../../src/store/sources.ts';
import { createManualClock } from '../helpers/clock.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';

describeDatabases('reindexing after an update', (engine) => {
  /** Adds sources that count as indexed by an earlier version, and removes their index entries. */
  async function openOutdated(titles: readonly string[]) {
    const { db, close } = await openTestDatabase(engine);
    onTestFinished(close);
    const chatbot = await addChatbot(db);
    const sources = [];
    for (const title of titles) {
      const passages = [{ text: 'Refunds take ten days.' }, { text: 'Parcels take three.' }];
      sources.push(await addSource(db, chatbot.accountId, chatbot.chatbotId, { title, passages }));
    }
    for (const { sourceId } of sources) await db.transaction((trx) => unindexSource(trx, chatbot.accountId, sourceId));

    const logs: { sources?: number; msg: string }[] = [];
    const metrics = createMetrics();
    const background = { run: () => {}, drain: async () => {}, size: 0, isDraining: false };
    const logger = createLogger('info', { write: (line: string) => void logs.push(JSON.parse(line)) });
    const clock = createManualClock();
    const { signal } = new AbortController();
    const run = () => reindexSources({ db, clock, background, logger, metrics }, signal);
    const search = async (question: string) => {
      const { accountId, chatbotId } = chatbot;
      const index = await openIndex(db.read, accountId, chatbotId);
      const candidates = await index.findCandidates(toQueryWords(question));
      return { texts: candidates.map(({ passage }) => passage.text).sort(), passages: index.passageCount };
    };
    return { db, ...chatbot, sources, logs, metrics, background, run, search };
  }

  it('finds all passages again, counts each once, and says what it does', async () => {
    const { run, search, logs, metrics } = await openOutdated(['Shop', 'Returns']);
    expect(await search('parcel')).toEqual({ texts: [], passages: 0 });
    await run();
    await run();
    expect(await search('parcel')).toEqual({ texts: ['Parcels take three.', 'Parcels take three.'], passages: 4 });
    expect(await search('returns')).toEqual({ texts: expect.arrayContaining(['Refunds take ten days.']), passages: 4 });
    expect(logs.map(({ sources, msg }) => [sources, msg])).toEqual([
      [2, 'indexing sources for this version'],
      [undefined, 'all sources are indexed for this version'],
    ]);
    expect((await metrics.sourcesToIndex.get()).values).toMatchObject([{ value: 0 }]);
  });

  it('replaces the entries of an earlier version', async () => {
    const { db, run, search } = await openOutdated(['Shop']);
    await run();
    await db.transaction((trx) => trx.updateTable('sources').set({ index_version: 0 }).execute());
    await run();
    expect(await search('refund')).toEqual({ texts: ['Refunds take ten days.'], passages: 2 });
  });

  it('continues after a stop', async () => {
    const { run, search, background, metrics } = await openOutdated(['Shop', 'Returns', 'Stores']);
    background.isDraining = true;
    await run();
    expect((await metrics.sourcesToIndex.get()).values).toMatchObject([{ value: 3 }]);
    background.isDraining = false;
    await run();
    expect((await search('parcel')).passages).toBe(6);
  });

  it('adds nothing for a source that is deleted meanwhile, and nothing twice when two gateways run it', async () => {
    const { db, accountId, sources, run, search } = await openOutdated(['Shop', 'Returns', 'Stores']);
    const remove = async (sourceId: string) =>
      db.transaction(async (trx) => {
        await deleteSource(trx, accountId, sourceId);
        await unindexSource(trx, accountId, sourceId);
      });
    await Promise.all([run(), run(), remove(sources[1]?.sourceId ?? '')]);
    expect(await search('parcel')).toEqual({ texts: ['Parcels take three.', 'Parcels take three.'], passages: 4 });
  });
});
