import { captureLead } from '../../src/conversations/capture-lead.ts';
import { updateLead } from '../../src/conversations/update-lead.ts';
import type { Lead } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { listConversationLeads } from '../../src/store/leads.ts';
import { builder, CHANGES_RULE } from '../builder.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { ConversationRef } from '../conversations/conversation.ts';
import { Node } from '../node.ts';
import { parseForResponse } from '../scalars.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { ChatbotRef } from './chatbot.ts';

/** A lead. */
export const LeadRef = builder.objectRef<Lead>('Lead').implement({
  description: 'A lead: contact details that a visitor has left.',
  interfaces: [Node],
  fields: (t) => ({
    conversation: t.field({
      type: ConversationRef,
      nullable: true,
      description: 'The conversation of the visitor; null if it has been deleted.',
      resolve: async (lead, _args, { loaders }) => (await loaders.conversation.load(lead.conversationId)) ?? null,
    }),
    chatbot: t.field({
      type: ChatbotRef,
      nullable: true,
      description: 'The chatbot of the conversation; null if it has been deleted.',
      resolve: async (lead, _args, { loaders }) => (await loaders.chatbot.load(lead.chatbotId)) ?? null,
    }),
    name: t.exposeString('name', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      description: 'The name; null if not given. Needs `READ` or `CHAT`.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      description: 'The email address; null if not given. Needs `READ` or `CHAT`.',
    }),
    phone: t.exposeString('phone', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      description: 'The phone number; null if not given. Needs `READ` or `CHAT`.',
    }),
    customData: t.field({
      type: 'JSON',
      authScopes: CONTENT_SCOPES,
      description:
        'The data that the visitor filled in besides, by the names of the form fields; an object, which may be empty. Needs `READ` or `CHAT`.',
      resolve: (lead) => parseForResponse(lead.customData),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time when the visitor left the details.' }),
  }),
});

/** The connection of leads. */
export const LeadConnection = defineConnection(LeadRef);

builder.objectField(ConversationRef, 'leads', (t) =>
  t.connection(
    {
      type: LeadRef,
      authScopes: { READ: true },
      description: 'The leads from the conversation, newest first. Needs `READ`.',
      extensions: pageExtensions,
      resolve: ({ id }, args, { deps, viewer, loaders }) =>
        paginate(
          'lead',
          args,
          (page) => listConversationLeads(deps.db.read, viewer.accountId, id, page),
          () => loaders.rowCount.load({ table: 'conversation_leads', values: {}, ownerId: id }),
        ),
    },
    LeadConnection,
  ),
);

builder.queryField('lead', (t) =>
  t.field({
    type: LeadRef,
    nullable: true,
    authScopes: { READ: true },
    description: 'Finds a lead by its id; null if there is none. Needs `READ`.',
    args: { id: t.arg.id({ required: true, description: 'The id of the lead.' }) },
    resolve: async (_root, args, { loaders }) => {
      const id = parseId('lead', args.id);
      return (id && (await loaders.lead.load(id))) || null;
    },
  }),
);

builder.relayMutationField(
  'captureLead',
  {
    description:
      'The contact details of a visitor. The required fields of the `leadForm` and at least one value must be given.',
    inputFields: (t) => ({
      conversationId: t.id({ required: true, description: 'The id of the conversation.' }),
      name: t.string({ description: 'The name; 1 to 255 characters.' }),
      email: t.string({ description: 'The email address.' }),
      phone: t.string({ description: 'The phone number.' }),
      customData: t.field({
        type: 'JSON',
        description:
          'The data that the visitor filled in besides, by the names of the form fields, and any further data; an object of at most 16 kB.',
      }),
    }),
  },
  {
    description: 'Stores contact details of a visitor as a lead. Needs `CHAT`.',
    authScopes: { CHAT: true },
    sessionTarget: { argument: 'conversationId', kind: 'conversation' },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ lead: await captureLead(deps, viewer, input) }),
  },
  {
    description: 'The stored lead.',
    outputFields: (t) => ({ lead: t.expose('lead', { type: LeadRef, description: 'The stored lead.' }) }),
  },
);

builder.relayMutationField(
  'updateLead',
  {
    description: `The new contact details of a lead. ${CHANGES_RULE} At least one value must remain.`,
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the lead.' }),
      name: t.string({
        description: 'The name; 1 to 255 characters. Null clears it, unless the `leadForm` requires it.',
      }),
      email: t.string({ description: 'The email address. Null clears it, unless the `leadForm` requires it.' }),
      phone: t.string({ description: 'The phone number. Null clears it, unless the `leadForm` requires it.' }),
      customData: t.field({
        type: 'JSON',
        description:
          'The values of all other form fields by name, in place of the earlier ones; at most 16 kB. Null removes all of them.',
      }),
    }),
  },
  {
    description: 'Changes the contact details of a lead. No event and no webhook reports it. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ lead: await updateLead(deps, viewer, input) }),
  },
  {
    description: 'The changed lead.',
    outputFields: (t) => ({ lead: t.expose('lead', { type: LeadRef, description: 'The lead with its new details.' }) }),
  },
);
