import type { Row } from '../row.ts';

const READ_OR_CHAT = [['READ'], ['CHAT']] as const;

/** The rows of all subscriptions. */
export const SUBSCRIPTION_ROWS: readonly Row[] = [
  {
    field: 'messageStream',
    scopes: READ_OR_CHAT,
    args: ({ replyId }) => ({ messageId: replyId }),
    ids: { messageId: { kind: 'message' } },
  },
  {
    field: 'conversationEvents',
    scopes: READ_OR_CHAT,
    args: ({ ids }) => ({ conversationId: ids.conversation }),
    ids: { conversationId: { kind: 'conversation' } },
  },
  {
    field: 'chatbotEvents',
    scopes: [['READ']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot }),
    ids: { chatbotId: { kind: 'chatbot' } },
  },
  {
    field: 'accountEvents',
    scopes: [['READ']],
    args: ({ ids }) => ({ chatbotIds: [ids.chatbot] }),
    ids: { chatbotIds: { kind: 'chatbot', args: (id) => ({ chatbotIds: [id] }) } },
    refuses: [() => ({ chatbotIds: [] }), ({ ids }) => ({ chatbotIds: Array(101).fill(ids.chatbot) })],
  },
  { field: 'quotaWarnings', scopes: [['MANAGE']] },
  {
    field: 'webhookDeliveries',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ subscriptionId: ids.webhookSubscription }),
    trigger: ({ run, ids }) => run('sendTestWebhook', { id: ids.webhookSubscription, event: 'LEAD_CAPTURED' }),
    ids: { subscriptionId: { kind: 'webhookSubscription' } },
  },
];
