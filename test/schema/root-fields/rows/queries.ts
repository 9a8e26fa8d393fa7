import type { Row } from '../row.ts';

const READ_OR_CHAT = [['READ'], ['CHAT']] as const;
const NO_NODES = { nodes: [] };

/** The rows of all queries. */
export const QUERY_ROWS: readonly Row[] = [
  { field: 'viewer', scopes: [['READ'], ['CHAT'], ['MANAGE']], selection: 'kind' },
  {
    field: 'node',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ id: ids.conversation }),
    selection: 'id',
    ids: { id: { kind: 'conversation' } },
  },
  {
    field: 'nodes',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ ids: [ids.message, ids.chatbot] }),
    selection: 'id',
    ids: { ids: { kind: 'message', args: (id) => ({ ids: [id] }), unknown: [null] } },
    refuses: [({ ids }) => ({ ids: Array(101).fill(ids.message) })],
  },
  {
    field: 'chatbot',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ id: ids.chatbot }),
    selection: 'id',
    ids: { id: { kind: 'chatbot' } },
    refuses: [() => ({}), ({ ids }) => ({ id: ids.chatbot, slug: 'helper' })],
  },
  { field: 'chatbots', scopes: READ_OR_CHAT, selection: 'nodes { id }' },
  {
    field: 'conversation',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ id: ids.conversation }),
    selection: 'id',
    ids: {
      id: { kind: 'conversation' },
      'session.chatbotId': {
        kind: 'chatbot',
        args: (id, { ids }) => ({ session: { chatbotId: id, sessionId: ids.conversation } }),
      },
    },
    refuses: [() => ({}), ({ ids }) => ({ id: ids.conversation, session: { chatbotId: ids.chatbot, sessionId: 'a' } })],
  },
  {
    field: 'conversations',
    scopes: [['READ']],
    selection: 'nodes { id }',
    ids: {
      'filter.chatbotIds': {
        kind: 'chatbot',
        args: (id) => ({ filter: { chatbotIds: [id] } }),
        unknown: NO_NODES,
      },
    },
  },
  {
    field: 'leads',
    scopes: [['READ']],
    selection: 'nodes { id }',
    ids: {
      'filter.chatbotIds': {
        kind: 'chatbot',
        args: (id) => ({ filter: { chatbotIds: [id] } }),
        unknown: NO_NODES,
      },
    },
  },
  {
    field: 'message',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ id: ids.message }),
    selection: 'id',
    ids: { id: { kind: 'message' } },
  },
  {
    field: 'source',
    scopes: [['READ']],
    args: ({ ids }) => ({ id: ids.source }),
    selection: 'id',
    ids: { id: { kind: 'source' } },
  },
  {
    field: 'lead',
    scopes: [['READ']],
    args: ({ ids }) => ({ id: ids.lead }),
    selection: 'id',
    ids: { id: { kind: 'lead' } },
  },
  {
    field: 'search',
    scopes: [['READ']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot, query: 'tower' }),
    selection: 'hits { score }',
    ids: { chatbotId: { kind: 'chatbot', unknown: 'NOT_FOUND' } },
    refuses: [
      ({ ids }) => ({ chatbotId: ids.chatbot, query: 'a', first: 101 }),
      ({ ids }) => ({ chatbotId: ids.chatbot, query: 'a', first: -1 }),
      ({ ids }) => ({ chatbotId: ids.chatbot, query: 'a'.repeat(8_001) }),
    ],
  },
  {
    field: 'estimateMessage',
    scopes: [['READ'], ['MANAGE']],
    args: ({ ids }) => ({ input: { chatbotId: ids.chatbot, content: 'Hello' } }),
    selection: 'provider',
    ids: {
      'input.chatbotId': { kind: 'chatbot', unknown: 'NOT_FOUND' },
      'input.conversationId': {
        kind: 'conversation',
        args: (id) => ({ input: { conversationId: id, content: 'Hello' } }),
        unknown: 'NOT_FOUND',
      },
    },
    refuses: [
      () => ({ input: { content: 'Hello' } }),
      ({ ids }) => ({ input: { chatbotId: ids.chatbot, conversationId: ids.conversation, content: 'Hello' } }),
      ({ ids }) => ({ input: { chatbotId: ids.chatbot, content: '' } }),
    ],
  },
  { field: 'providers', scopes: [['READ'], ['MANAGE']], selection: 'name' },
  { field: 'webhookEvents', scopes: [['MANAGE']], selection: 'event' },
  {
    field: 'webhookSubscription',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.webhookSubscription }),
    selection: 'id',
    ids: { id: { kind: 'webhookSubscription' } },
  },
  {
    field: 'webhookSubscriptions',
    scopes: [['MANAGE']],
    selection: 'nodes { id }',
    ids: { chatbotId: { kind: 'chatbot', args: (id) => ({ chatbotId: id }), unknown: NO_NODES } },
  },
  {
    field: 'dryRunWebhook',
    scopes: [['MANAGE']],
    args: () => ({ sample: 'LEAD_CAPTURED' }),
    selection: 'payload',
    refuses: [
      () => ({}),
      ({ ids }) => ({ sample: 'LEAD_CAPTURED', eventId: ids.webhookEvent }),
      () => ({ sample: 'LEAD_CAPTURED', document: '{' }),
    ],
  },
  {
    field: 'dryRunWebhook',
    scopes: [['READ', 'MANAGE']],
    args: ({ ids }) => ({ eventId: ids.webhookEvent }),
    selection: 'payload',
    ids: { eventId: { kind: 'webhookEvent' } },
  },
];
