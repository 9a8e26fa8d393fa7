import type { Hit } from '../../src/answer/retrieve.ts';
import { retrieveByMeaning } from '../../src/answer/retrieve-by-meaning.ts';
import { BadUserInputError, requireFound } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { PassageRef } from './source.ts';

const DEFAULT_HITS = 5;
const MAX_HITS = 100;
const MAX_QUERY_CHARS = 8_000;

const SearchHit = builder.objectRef<Hit>('SearchHit').implement({
  description: 'A passage that matches a search.',
  fields: (t) => ({
    passage: t.expose('passage', { type: PassageRef, description: 'The matching passage.' }),
    score: t.exposeFloat('score', {
      description: 'The quality of the match, 0 to 1; comparable within one result only.',
    }),
  }),
});

const SearchResult = builder
  .objectRef<{ query: string; correctedQuery: string | null; hits: Hit[] }>('SearchResult')
  .implement({
    description: 'The result of a search.',
    fields: (t) => ({
      query: t.exposeString('query', { description: 'The text that was searched for.' }),
      correctedQuery: t.exposeString('correctedQuery', {
        nullable: true,
        description:
          'The text with the words corrected that no passage contains but for a typing mistake; `hits` match it. Null if nothing was corrected.',
      }),
      hits: t.expose('hits', {
        type: [SearchHit],
        description: 'The passages, best match first; at most `first` of `search`.',
      }),
    }),
  });

builder.queryField('search', (t) =>
  t.field({
    type: SearchResult,
    authScopes: { READ: true },
    description:
      'Searches the sources of a chatbot for the passages that match a text best, and writes no reply. An unknown chatbot gets `NOT_FOUND`. Needs `READ`.',
    args: {
      chatbotId: t.arg.id({ required: true, description: 'The id of the chatbot whose sources to search.' }),
      query: t.arg.string({
        required: true,
        description: 'The text to search for, such as a question; at most 8,000 characters.',
      }),
      first: t.arg.int({ defaultValue: DEFAULT_HITS, description: 'The maximum number of hits, at most 100.' }),
    },
    extensions: { listSize: ({ first }) => Number(first ?? DEFAULT_HITS) } satisfies FieldExtensions,
    resolve: async (_root, { chatbotId, query, ...args }, { deps, viewer, loaders }) => {
      const first = args.first ?? DEFAULT_HITS;
      if (first < 0 || first > MAX_HITS) throw new BadUserInputError('`first` must be between 0 and 100.');
      if (query.length > MAX_QUERY_CHARS) throw new BadUserInputError('`query` must have at most 8,000 characters.');
      const id = parseId('chatbot', chatbotId);
      const chatbot = requireFound('Chatbot', id === undefined ? id : await loaders.chatbot.load(id));
      const { hits, correctedQuestion } = await retrieveByMeaning(
        deps.db.read,
        deps.embedder,
        viewer.accountId,
        chatbot.id,
        query,
        first,
      );
      return { query, correctedQuery: correctedQuestion, hits: [...hits] };
    },
  }),
);
