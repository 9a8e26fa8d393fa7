import { type ConversationFilter, type ConversationOrder, positionOf } from '../../src/domain/conversation-list.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { countConversations, listConversations, MAX_COUNTED } from '../../src/store/inbox/conversation-list.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { type PageArgs, pageExtensions, readArgs, toConnection } from '../connection.ts';
import type { GraphContext } from '../context.ts';
import { ConversationConnection, ConversationRef } from './conversation.ts';
import { decodePosition, encodePosition } from './list-cursor.ts';
import { ConversationFilterInput, ConversationOrderInput, toFilter, toOrder } from './list-inputs.ts';

const LIST_DESCRIPTION = `Without \`orderBy\`, those with the newest messages come first. A page of a filtered list may end before it is full, even without any conversation, while \`hasNextPage\` is true (\`hasPreviousPage\` with \`last\`): \`endCursor\` (\`startCursor\`) continues the search. \`totalCount\` of a filtered list counts among its first ${MAX_COUNTED.toLocaleString('en')} candidates.`;

const listArgs = {
  filter: {
    type: ConversationFilterInput,
    description: 'The conditions that all returned conversations meet; if absent, none.',
  },
  orderBy: { type: ConversationOrderInput, description: 'The order; if absent, `{ field: LAST_MESSAGE_AT }`.' },
} as const;

builder.objectField(ChatbotRef, 'conversations', (t) =>
  t.connection(
    {
      type: ConversationRef,
      authScopes: { READ: true },
      description: `The conversations of the chatbot. ${LIST_DESCRIPTION} Needs \`READ\`.`,
      args: { filter: t.arg(listArgs.filter), orderBy: t.arg(listArgs.orderBy) },
      extensions: pageExtensions,
      resolve: (chatbot, { filter, orderBy, ...args }, context) =>
        paginateChatbot(context, chatbot.id, { filter: toFilter(filter), order: toOrder(orderBy) }, args),
    },
    ConversationConnection,
  ),
);

builder.queryField('conversations', (t) =>
  t.connection(
    {
      type: ConversationRef,
      authScopes: { READ: true },
      description: `The conversations of all chatbots. ${LIST_DESCRIPTION} Needs \`READ\`.`,
      args: { filter: t.arg(listArgs.filter), orderBy: t.arg(listArgs.orderBy) },
      extensions: pageExtensions,
      resolve: (_root, { filter, orderBy, ...args }, context) =>
        paginateFiltered(context, { filter: toFilter(filter), order: toOrder(orderBy) }, args),
    },
    ConversationConnection,
  ),
);

/** The conditions and the order of a list. */
interface Selection {
  readonly filter: ConversationFilter;
  readonly order: ConversationOrder;
}

/** Pages and counts a chatbot's conversations; loaders do so for several chatbots at once, unless a filter is special. */
async function paginateChatbot(context: GraphContext, chatbotId: string, { filter, order }: Selection, args: PageArgs) {
  const { chatbotIds = [chatbotId], statuses = [], ...others } = filter;
  const isSelected = chatbotIds.includes(chatbotId);
  const isPlain = isSelected && Object.keys(others).length === 0 && order.field !== 'WAITING_SINCE';
  const { loaders } = context;
  const countByStatus = (status?: string) =>
    loaders.rowCount.load({ table: 'conversations', values: { status }, ownerId: chatbotId });
  if (!isPlain || filter.statuses !== undefined) {
    const selection = { filter: { ...filter, chatbotIds: isSelected ? [chatbotId] : [] }, order };
    const connection = await paginateFiltered(context, selection, args);
    const isCountable = isPlain && statuses.length === 1;
    return isCountable ? { ...connection, countTotal: () => countByStatus(statuses[0]) } : connection;
  }
  const { size, page } = readArgs(args, (cursor) => decodePosition(order, cursor));
  return toConnection({
    ...{ size, page },
    items: await loaders.conversationPages.load({ chatbotId, selection: order, page }),
    toCursor: (conversation) => encodePosition(order, positionOf(order.field, conversation)),
    countTotal: () => countByStatus(),
  });
}

async function paginateFiltered({ deps, viewer }: GraphContext, { filter, order }: Selection, args: PageArgs) {
  const { size, page } = readArgs(args, (cursor) => decodePosition(order, cursor));
  const list = { filter, order, now: toTimestamp(deps.clock.now()) };
  const { conversations, stoppedAt } = await listConversations(deps.db.read, viewer.accountId, list, page);
  return toConnection({
    ...{ size, page, items: conversations },
    toCursor: (conversation) => encodePosition(order, positionOf(order.field, conversation)),
    stopCursor: stoppedAt && encodePosition(order, stoppedAt),
    countTotal: () => countConversations(deps.db.read, viewer.accountId, list),
  });
}
