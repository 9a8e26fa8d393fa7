import type {
  Passage,
  Source,
  SourceStatus as SourceStatusName,
  SourceType as SourceTypeName,
} from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError, requireFound } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { createSource, deleteSource } from '../../src/sources/sources.ts';
import { listPassages } from '../../src/store/search/passages.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { CONTENT_SCOPES } from '../scopes.ts';

/** The origin of a source. */
export const SourceType = builder.enumType('SourceType', {
  description: 'The origin of a source.',
  values: {
    TEXT: { description: 'A text, plain or Markdown.' },
    QA: { description: 'A question with its answer.' },
  } satisfies Record<SourceTypeName, object>,
});

/** The state of a source. */
export const SourceStatus = builder.enumType('SourceStatus', {
  description: 'The state of a source.',
  values: {
    DONE: { description: 'The source is read, and the chatbot answers from it.' },
    FAILED: { description: 'The source could not be read; see `error`.' },
  } satisfies Record<SourceStatusName, object>,
});

/** A source. */
export const SourceRef = builder.objectRef<Source>('Source');

/** A passage of a source. */
export const PassageRef = builder.objectRef<Passage>('Passage');

/** The connection of sources. */
export const SourceConnection = defineConnection(SourceRef);
const PassageConnection = defineConnection(PassageRef);

SourceRef.implement({
  description: 'A source of knowledge of a chatbot, split into passages.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      description: 'The chatbot that answers from the source.',
      resolve: async (source, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(source.chatbotId)),
    }),
    type: t.expose('type', { type: SourceType, description: 'The origin of the source.' }),
    title: t.exposeString('title', { description: 'The title shown in citations.' }),
    url: t.exposeString('url', { nullable: true, description: 'The URL of the source; null if it has none.' }),
    status: t.expose('status', { type: SourceStatus, description: 'The state of the source.' }),
    error: t.exposeString('error', { nullable: true, description: 'The reason why the source FAILED; else null.' }),
    pageCount: t.exposeInt('pageCount', { description: 'The number of pages read; 0 until the source is DONE.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time when the source was added.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'The time of the last change.' }),
    passages: t.connection(
      {
        type: PassageRef,
        authScopes: { READ: true },
        description: 'The passages in reading order. Needs `READ`.',
        extensions: pageExtensions,
        resolve: (source, args, { deps, viewer, loaders }) =>
          paginate(
            'passage',
            args,
            (page) => listPassages(deps.db.read, viewer.accountId, source.id, page),
            () => loaders.rowCount.load({ table: 'passages', values: {}, ownerId: source.id }),
          ),
      },
      PassageConnection,
    ),
  }),
});

PassageRef.implement({
  description: 'A passage of a source, which `search` finds and citations refer to.',
  interfaces: [Node],
  fields: (t) => ({
    source: t.field({
      type: SourceRef,
      description: 'The source of the passage.',
      resolve: async (passage, _args, { loaders }) =>
        requireFound('Source', await loaders.source.load(passage.sourceId)),
    }),
    position: t.exposeInt('position', { description: 'The position of the passage in its source, from 0.' }),
    headingPath: t.field({
      type: ['String'],
      sessions: true,
      description: 'The headings above the passage, outermost first; empty if there are none.',
      resolve: (passage) => [...passage.headingPath],
    }),
    text: t.exposeString('text', {
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: 'The text; Markdown if the source is. Needs `READ` or `CHAT`.',
    }),
  }),
});

builder.queryField('source', (t) =>
  t.field({
    type: SourceRef,
    nullable: true,
    authScopes: { READ: true },
    description: 'Finds a source by its id; null if there is none. Needs `READ`.',
    args: { id: t.arg.id({ required: true, description: 'The id of the source.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('source', args.id);
      return (id && (await loaders.source.load(id))) || null;
    },
  }),
);

const QuestionAnswerInput = builder.inputType('QuestionAnswerInput', {
  description: 'A question with its answer.',
  fields: (t) => ({
    question: t.string({
      required: true,
      description: 'The question in the words of a visitor; 1 to 2,000 characters.',
    }),
    answer: t.string({
      required: true,
      description: 'The answer, which the built-in engine gives word for word; 1 to 20,000 characters.',
    }),
  }),
});

const SourceContentInput = builder.inputType('SourceContentInput', {
  description: 'The content of a source: exactly one field.',
  isOneOf: true,
  fields: (t) => ({
    text: t.string({
      description:
        'A plain text, Markdown, an HTML page, or a table exported as CSV or TSV; 1 to 1,000,000 characters. Passages keep its text without other markup. Each passage keeps the headings above it. Send a text of more than 256 kB over HTTP, as a variable.',
    }),
    qa: t.field({ type: QuestionAnswerInput, description: 'A question with its answer.' }),
  }),
});

builder.relayMutationField(
  'createSource',
  {
    description: 'The fields of a new source.',
    inputFields: (t) => ({
      chatbotId: t.id({ required: true, description: 'The id of the chatbot that answers from the source.' }),
      title: t.string({
        description:
          'The title shown in citations; 1 to 255 characters. If absent, the question, the title in the front matter or head of the text, or its first heading or line.',
      }),
      content: t.field({ type: SourceContentInput, required: true, description: 'The content of the source.' }),
    }),
  },
  {
    description:
      'Adds a source to a chatbot and reads it. Returns when the source is DONE, or FAILED because its text takes too much time or memory, has no words, or only sends its readers to another page. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ source: await createSource(deps, viewer, input) }),
  },
  {
    description: 'The new source.',
    outputFields: (t) => ({
      source: t.expose('source', { type: SourceRef, description: 'The source, DONE or FAILED.' }),
    }),
  },
);

builder.relayMutationField(
  'deleteSource',
  {
    description: 'The source to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the source.' }) }),
  },
  {
    description: 'Deletes a source with its passages, permanently. Citations keep their quotes. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteSource(deps, viewer, input),
  },
  {
    description: 'The deleted source.',
    outputFields: (t) => ({
      deletedId: t.exposeID('deletedId', { description: 'The id of the deleted source.' }),
    }),
  },
);
