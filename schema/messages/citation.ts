import type { Citation } from '../../src/domain/entities.ts';
import { builder } from '../builder.ts';
import { PassageRef, SourceRef } from '../sources/source.ts';

/** A citation of a message. Citations are only ever appended, so the index of each stays the same. */
export interface IndexedCitation extends Citation {
  readonly messageId: string;
  /** From 0. */
  readonly index: number;
}

/** A passage that supports a part of a reply. */
export const CitationRef = builder.objectRef<IndexedCitation>('Citation').implement({
  description: 'Evidence for a span of a reply: a quote from a source.',
  fields: (t) => ({
    id: t.id({
      sessions: true,
      description: 'The identity of the citation, for caches; `node` does not find it.',
      resolve: ({ messageId, index }) => `${messageId}:${index}`,
    }),
    passage: t.field({
      type: PassageRef,
      nullable: true,
      sessions: true,
      description: 'The cited passage; null if its source has been deleted.',
      resolve: async (citation, _args, { loaders }) => (await loaders.passage.load(citation.passageId)) ?? null,
    }),
    source: t.field({
      type: SourceRef,
      nullable: true,
      description: 'The cited source; null if it has been deleted.',
      resolve: async (citation, _args, { loaders }) => (await loaders.source.load(citation.sourceId)) ?? null,
    }),
    title: t.exposeString('title', {
      sessions: true,
      description: 'The title of the source at the time of the citation.',
    }),
    url: t.exposeString('url', {
      nullable: true,
      sessions: true,
      description: 'The URL of the source; null if it has none.',
    }),
    quote: t.exposeString('quote', { sessions: true, description: 'The quoted words of the passage.' }),
    start: t.exposeInt('start', {
      sessions: true,
      description: 'The start of the span in `content`, in UTF-16 code units from 0.',
    }),
    end: t.exposeInt('end', { sessions: true, description: 'The end of the span in `content`, exclusive.' }),
  }),
});
