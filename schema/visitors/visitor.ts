import { CONVERSATION_ORDERS, type ConversationOrder } from '../../src/domain/conversation-list.ts';
import { InvalidInputError, NotFoundError, requireFound } from '../../src/domain/errors.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { VISITOR_ORDER, VISITOR_ORDERS, type Visitor } from '../../src/domain/visitors/visitors.ts';
import { listConversations } from '../../src/store/inbox/conversation-list.ts';
import { countVisitorLeads, countVisitors, listVisitorLeads, listVisitors } from '../../src/store/visitors/visitors.ts';
import { updateVisitor } from '../../src/visitors/update-visitor.ts';
import { builder, CHANGES_RULE } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { LeadConnection, LeadRef } from '../chatbots/lead.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { ConversationConnection, ConversationRef } from '../conversations/conversation.ts';
import { checkFilter, omitNull } from '../list-inputs.ts';
import { Node } from '../node.ts';
import { LIST_RULES, paginateOrdered } from '../ordered-list.ts';
import { parseForResponse } from '../scalars.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { visitorDetailFields } from './visitor-input.ts';

const CONVERSATION_ORDER: ConversationOrder = { field: 'LAST_MESSAGE_AT', direction: 'DESC' };

/** A visitor. */
export const VisitorRef = builder.objectRef<Visitor>('Visitor').implement({
  description:
    'A person who talks to a chatbot. An anonymous visitor who is identified as a known one becomes that one: the id of the anonymous visitor is then unknown.',
  interfaces: [Node],
  fields: (t) => ({
    chatbot: t.field({
      type: ChatbotRef,
      sessions: true,
      description: 'The chatbot of the visitor. Each chatbot has visitors of its own.',
      resolve: async ({ chatbotId }, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(chatbotId)),
    }),
    externalId: t.exposeString('externalId', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        'The id of the visitor in your own systems, unique within the chatbot; null for an anonymous visitor. Needs `READ` or `CHAT`.',
    }),
    name: t.exposeString('name', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: 'The name; null if not known. Needs `READ` or `CHAT`.',
    }),
    email: t.exposeString('email', {
      nullable: true,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: 'The email address; null if not known. Needs `READ` or `CHAT`.',
    }),
    customData: t.field({
      type: 'JSON',
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description: 'Further data about the visitor; an object, which may be empty. Needs `READ` or `CHAT`.',
      resolve: ({ customData }) => parseForResponse(customData),
    }),
    isVerified: t.boolean({
      sessions: true,
      description:
        'True if a server of the account has identified the visitor, so that `externalId` is set. The details of any other visitor are what the visitor claims.',
      resolve: ({ externalId }) => externalId !== null,
    }),
    isBlocked: t.exposeBoolean('isBlocked', {
      description: 'True if the account has blocked the visitor: messages of the visitor are refused.',
    }),
    firstSeenAt: t.expose('firstSeenAt', {
      type: 'DateTime',
      sessions: true,
      description: 'The time when the visitor first came.',
    }),
    lastSeenAt: t.expose('lastSeenAt', {
      type: 'DateTime',
      sessions: true,
      description: 'The time when the visitor last wrote or last renewed a session; accurate to a minute.',
    }),
  }),
});

builder.objectFields(VisitorRef, (t) => ({
  conversations: t.connection(
    {
      type: ConversationRef,
      authScopes: CONTENT_SCOPES,
      sessions: true,
      description:
        'The conversations of the visitor; those with the newest messages come first. Needs `READ` or `CHAT`.',
      extensions: pageExtensions,
      resolve: ({ id }, args, { deps, viewer, loaders }) => {
        const now = toTimestamp(deps.clock.now());
        const list = { filter: { visitorId: id }, order: CONVERSATION_ORDER, now };
        return paginateOrdered(
          { orders: CONVERSATION_ORDERS, order: CONVERSATION_ORDER },
          args,
          (page) => listConversations(deps.db.read, viewer.accountId, list, page),
          () => loaders.rowCount.load({ table: 'visitor_conversations', values: {}, ownerId: id }),
        );
      },
    },
    ConversationConnection,
  ),
  leads: t.connection(
    {
      type: LeadRef,
      authScopes: { READ: true },
      description: 'The leads from the conversations of the visitor, newest first. Needs `READ`.',
      extensions: pageExtensions,
      resolve: ({ id }, args, { deps, viewer }) =>
        paginate(
          'lead',
          args,
          (page) => listVisitorLeads(deps.db.read, viewer.accountId, id, page),
          () => countVisitorLeads(deps.db.read, viewer.accountId, id),
        ),
    },
    LeadConnection,
  ),
}));

const VisitorConnection = defineConnection(VisitorRef);

builder.objectField(ConversationRef, 'visitor', (t) =>
  t.field({
    type: VisitorRef,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description:
      'The visitor; null if the conversation was started with an API key that named no visitor. Needs `READ` or `CHAT`.',
    resolve: async ({ visitorId }, _args, { loaders }) =>
      visitorId === null ? null : ((await loaders.visitor.load(visitorId)) ?? null),
  }),
);

builder.objectField(ChatbotRef, 'visitors', (t) =>
  t.connection(
    {
      type: VisitorRef,
      authScopes: { READ: true },
      description: `The visitors of the chatbot, newest first. ${LIST_RULES} Needs \`READ\`.`,
      args: {
        query: t.arg.string({
          description:
            'A text that the external id, the name or the email address contains. The case of the letters A to Z is ignored.',
        }),
      },
      extensions: pageExtensions,
      resolve: ({ id: chatbotId }, { query, ...args }, { deps, viewer, loaders }) => {
        checkFilter({ texts: [query] });
        const selection = { chatbotId, filter: omitNull({ query }) };
        return paginateOrdered(
          { orders: VISITOR_ORDERS, order: VISITOR_ORDER },
          args,
          (page) => listVisitors(deps.db.read, viewer.accountId, selection, page),
          () =>
            query == null
              ? loaders.rowCount.load({ table: 'visitors', values: {}, ownerId: chatbotId })
              : countVisitors(deps.db.read, viewer.accountId, selection),
        );
      },
    },
    VisitorConnection,
  ),
);

builder.relayMutationField(
  'updateVisitor',
  {
    description: `The new details of a visitor. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the visitor.' }),
      name: t.string({ description: 'The name; 1 to 255 characters. Null clears it.' }),
      email: t.string({ description: 'The email address. Null clears it.' }),
      customData: t.field({
        ...visitorDetailFields.customData,
        description: 'Further data in place of the earlier data; an object of at most 16 kB. Null removes all of it.',
      }),
    }),
  },
  {
    description: 'Changes the details of a visitor. No event and no webhook reports it. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ visitor: await updateVisitor(deps, viewer, input) }),
  },
  {
    description: 'The changed visitor.',
    outputFields: (t) => ({ visitor: t.expose('visitor', { type: VisitorRef, description: 'The changed visitor.' }) }),
  },
);
