import { captureLead } from '../../src/conversations/capture-lead.ts';
import type { Lead } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { listLeads } from '../../src/store/leads.ts';
import { builder } from '../builder.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { ConversationRef } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { parseForAnswer } from '../scalars.ts';
import { CONTENT } from '../scopes.ts';
import { ChatbotRef } from './chatbot.ts';

/** A lead. */
export const LeadRef = builder.objectRef<Lead>('Lead').implement({
  description: 'Who left how to be reached.',
  interfaces: [Node],
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      nullable: true,
      description: 'Where it was left; null when that is gone.',
      resolve: async (lead, _args, { loaders }) => (await loaders.conversation.load(lead.conversationId)) ?? null,
    }),
    name: t.exposeString('name', {
      nullable: true,
      authScopes: CONTENT,
      description: 'A name; null when none was given. Needs `READ` or `CHAT`.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      authScopes: CONTENT,
      description: 'An email address; null when none was given. Needs `READ` or `CHAT`.',
    }),
    phone: t.exposeString('phone', {
      nullable: true,
      authScopes: CONTENT,
      description: 'A phone number; null when none was given. Needs `READ` or `CHAT`.',
    }),
    customData: t.field({
      type: 'JSON',
      authScopes: CONTENT,
      description: 'What was given beside these, by the names of the form; an object. Needs `READ` or `CHAT`.',
      resolve: (lead) => parseForAnswer(lead.customData),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was left.' }),
  }),
});

builder.objectField(ChatbotRef, 'leads', (t) =>
  t.connection(
    {
      type: LeadRef,
      authScopes: { READ: true },
      description: 'Who left how to be reached, newest first. Needs `READ`.',
      extensions: pageExtensions,
      resolve: (chatbot, args, { deps, viewer }) =>
        paginate('lead', args, (page) => listLeads(deps.db.read, viewer.accountId, chatbot.id, page)),
    },
    { name: 'ChatbotLeadsConnection', description: "A page of a chatbot's leads." },
    { name: 'ChatbotLeadsConnectionEdge', description: 'A lead and its place in the list.' },
  ),
);

builder.relayMutationField(
  'captureLead',
  {
    description: 'How the visitor can be reached: what the `leadForm` of the chatbot asks for, at least one thing.',
    inputFields: (t) => ({
      conversationId: t.id({ required: true, description: 'The conversation.' }),
      name: t.string({ description: 'A name; 1 to 255 characters.' }),
      email: t.string({ description: 'An email address.' }),
      phone: t.string({ description: 'A phone number.' }),
      customData: t.field({
        type: 'JSON',
        description:
          'The fields of the form that have other names, and what else you like; an object of at most 16 kB.',
      }),
    }),
  },
  {
    description: 'Keeps how a visitor can be reached. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ lead: await captureLead(deps, viewer, input) }),
  },
  {
    description: 'The lead.',
    outputFields: (t) => ({ lead: t.expose('lead', { type: LeadRef, description: 'The lead as it was stored.' }) }),
  },
);
