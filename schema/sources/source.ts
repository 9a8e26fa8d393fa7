import type {
  Passage,
  Source,
  SourceStatus as SourceStatusName,
  SourceType as SourceTypeName,
} from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError, requireFound } from '../../src/domain/errors.ts';
import { createSource, deleteSource } from '../../src/sources/sources.ts';
import { listPassages } from '../../src/store/search/passages.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { CONTENT } from '../scopes.ts';

const SourceType = builder.enumType('SourceType', {
  description: 'What a source was made from.',
  values: {
    SITE: { description: 'A website.' },
    URL: { description: 'A web page.' },
    FILE: { description: 'An uploaded document.' },
    TEXT: { description: 'Pasted text; Markdown is understood.' },
    QA: { description: 'A question with its answer.' },
    TRANSCRIPT: { description: 'A transcript.' },
  } satisfies Record<SourceTypeName, object>,
});

const SourceStatus = builder.enumType('SourceStatus', {
  description: 'How far a source has been read.',
  values: {
    PENDING: { description: 'Waiting to be read.' },
    CRAWLING: { description: 'Being fetched.' },
    PROCESSING: { description: 'Being cut into passages.' },
    DONE: { description: 'Read: its passages can be found.' },
    FAILED: { description: 'Could not be read; `error` says why.' },
  } satisfies Record<SourceStatusName, object>,
});

/** A source. */
export const SourceRef = builder.objectRef<Source>('Source');

/** A passage of a source. */
export const PassageRef = builder.objectRef<Passage>('Passage');

SourceRef.implement({
  description: 'Something that a chatbot has read and answers from.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      description: 'Whose source it is.',
      resolve: async (source, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(source.chatbotId)),
    }),
    type: t.expose('type', { type: SourceType, description: 'What it was made from.' }),
    title: t.exposeString('title', { description: 'Its title, as citations show it.' }),
    url: t.exposeString('url', { nullable: true, description: 'Its address; null when it has none.' }),
    status: t.expose('status', { type: SourceStatus, description: 'How far it has been read.' }),
    error: t.exposeString('error', { nullable: true, description: 'Why it could not be read; null unless it FAILED.' }),
    pageCount: t.exposeInt('pageCount', { description: 'How many pages were read; 0 before that.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was added.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    passages: t.connection(
      {
        type: PassageRef,
        authScopes: { READ: true },
        description: 'What it says, in pieces, in reading order.',
        extensions: pageExtensions,
        resolve: (source, args, { deps, viewer }) =>
          paginate('passage', args, (page) => listPassages(deps.db.read, viewer.accountId, source.id, page)),
      },
      { name: 'SourcePassagesConnection', description: 'A page of passages.' },
      { name: 'SourcePassagesConnectionEdge', description: 'A passage and its place in the list.' },
    ),
  }),
});

PassageRef.implement({
  description: 'A piece of a source: what search finds and citations point to.',
  interfaces: [Node],
  fields: (t) => ({
    source: t.field({
      type: SourceRef,
      description: 'The source that it is a piece of.',
      resolve: async (passage, _args, { loaders }) =>
        requireFound('Source', await loaders.source.load(passage.sourceId)),
    }),
    position: t.exposeInt('position', { description: 'Its place in the source, from 0.' }),
    headingPath: t.field({
      type: ['String'],
      description: 'The headings above it, outermost first; empty when there are none.',
      resolve: (passage) => [...passage.headingPath],
    }),
    text: t.exposeString('text', {
      authScopes: CONTENT,
      description: 'What it says, in Markdown where the source was. Needs `READ` or `CHAT`.',
    }),
  }),
});

builder.objectField(ChatbotRef, 'sources', (t) =>
  t.connection(
    {
      type: SourceRef,
      authScopes: { READ: true },
      description: 'What it answers from, newest first.',
      args: { status: t.arg({ type: SourceStatus, description: 'Only sources that have come this far.' }) },
      extensions: pageExtensions,
      resolve: (chatbot, { status, ...args }, { loaders }) =>
        paginate('source', args, (page) =>
          loaders.sourcesOf.load({ chatbotId: chatbot.id, status: status ?? undefined, page }),
        ),
    },
    { name: 'ChatbotSourcesConnection', description: "A page of a chatbot's sources." },
    { name: 'ChatbotSourcesConnectionEdge', description: 'A source and its place in the list.' },
  ),
);

const QuestionAnswerInput = builder.inputType('QuestionAnswerInput', {
  description: 'A question and the answer that is to be given to it, word for word.',
  fields: (t) => ({
    question: t.string({ required: true, description: 'The question, as visitors ask it; 1 to 2,000 characters.' }),
    answer: t.string({ required: true, description: 'The answer; 1 to 20,000 characters.' }),
  }),
});

const SourceContentInput = builder.inputType('SourceContentInput', {
  description: 'What a source is made from: exactly one of these.',
  isOneOf: true,
  fields: (t) => ({
    text: t.string({ description: 'Markdown or plain text. Headings are kept with each passage below them.' }),
    qa: t.field({ type: QuestionAnswerInput, description: 'A question with its answer.' }),
  }),
});

builder.relayMutationField(
  'createSource',
  {
    description: 'The new source.',
    inputFields: (t) => ({
      chatbotId: t.id({ required: true, description: 'The chatbot that shall answer from it.' }),
      title: t.string({
        description:
          'Its title, as citations show it; 1 to 255 characters. Absent: the question, or the first heading or line.',
      }),
      content: t.field({ type: SourceContentInput, required: true, description: 'What to read.' }),
    }),
  },
  {
    description:
      'Adds a source to a chatbot and reads it. The answer comes when it can be asked about, or when it has `FAILED`, as its text takes too much time or memory. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ source: await createSource(deps, viewer, input) }),
  },
  {
    description: 'The new source.',
    outputFields: (t) => ({ source: t.expose('source', { type: SourceRef, description: 'The source, read.' }) }),
  },
);

builder.relayMutationField(
  'deleteSource',
  {
    description: 'What to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the source.' }) }),
  },
  {
    description: 'Deletes a source with its passages; citations of it keep their quote. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteSource(deps, viewer, input),
  },
  {
    description: 'What was deleted.',
    outputFields: (t) => ({
      deletedId: t.exposeID('deletedId', { description: 'The id that names nothing any more.' }),
    }),
  },
);
