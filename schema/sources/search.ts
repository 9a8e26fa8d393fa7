import { type Hit, retrieve } from '../../src/answer/retrieve.ts';
import { BadUserInputError, requireFound } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { PassageRef } from './source.ts';

const DEFAULT_HITS = 5;
const MAX_HITS = 100;
const MAX_QUERY_CHARS = 8_000;

const SearchHit = builder.objectRef<Hit>('SearchHit').implement({
  description: 'A passage that a search found.',
  fields: (t) => ({
    passage: t.expose('passage', { type: PassageRef, description: 'The passage.' }),
    score: t.exposeFloat('score', { description: 'How well it matches, 0 to 1; comparable within one answer only.' }),
  }),
});

const SearchResult = builder.objectRef<{ query: string; hits: Hit[] }>('SearchResult').implement({
  description: 'The passages that a search found.',
  fields: (t) => ({
    query: t.exposeString('query', { description: 'The question or words that were searched for.' }),
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
      "Finds the passages of a chatbot's sources that match a question best, best first; writes no answer. An unknown chatbot is the error `NOT_FOUND`.",
    args: {
      chatbotId: t.arg.id({ required: true, description: 'Whose sources to search.' }),
      query: t.arg.string({ required: true, description: 'A question or words, at most 8,000 characters.' }),
      first: t.arg.int({ defaultValue: DEFAULT_HITS, description: 'How many to find, at most 100.' }),
    },
    extensions: { listSize: ({ first }) => Number(first ?? DEFAULT_HITS) } satisfies FieldExtensions,
    resolve: async (_root, { chatbotId, query, ...args }, { deps, viewer, loaders }) => {
      const first = args.first ?? DEFAULT_HITS;
      if (first < 0 || first > MAX_HITS) throw new BadUserInputError('`first` must be between 0 and 100.');
      if (query.length > MAX_QUERY_CHARS) throw new BadUserInputError('`query` must have at most 8,000 characters.');
      const id = parseId('chatbot', chatbotId);
      const chatbot = requireFound('Chatbot', id === undefined ? id : await loaders.chatbot.load(id));
      const { hits } = await retrieve(deps.db.read, viewer.accountId, chatbot.id, query, first);
      return { query, hits: [...hits] };
    },
  }),
);
