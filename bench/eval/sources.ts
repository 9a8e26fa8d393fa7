import { systemClock } from '../../src/domain/time.ts';
import type { SourceContent } from '../../src/sources/read-source.ts';
import { createSourceReader } from '../../src/sources/source-reader.ts';
import { createSource } from '../../src/sources/sources.ts';
import type { Database } from '../../src/store/database.ts';
import { addChatbot } from '../../test/helpers/corpus.ts';
import type { Corpus } from './articles.ts';

/** A chatbot whose sources the gateway itself reads: it cleans them and splits them into passages. */
export interface SourceCorpus extends Corpus {
  /** Adds a source, and returns its id. */
  add(content: SourceContent): Promise<string>;
}

/** Creates a chatbot without sources. */
export async function createSourceCorpus(db: Database): Promise<SourceCorpus> {
  const { accountId, chatbotId } = await addChatbot(db);
  const deps = { db, clock: systemClock, sourceReader: createSourceReader() };
  return {
    ...{ db, accountId, chatbotId },
    add: async (content) => (await createSource(deps, { accountId }, { chatbotId, content })).id,
  };
}
