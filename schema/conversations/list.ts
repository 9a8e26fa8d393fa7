import { restrictFilter } from '../../src/access/restriction.ts';
import {
  CONVERSATION_ORDERS,
  type ConversationFilter,
  type ConversationOrder,
} from '../../src/domain/conversation-list.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import {
  countConversations,
  listConversations,
  MAX_COUNTED_WITH_TEXT,
} from '../../src/store/inbox/conversation-list.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { type PageArgs, pageExtensions } from '../connection.ts';
import type { GraphContext } from '../context.ts';
import { ACCOUNT_LIST_RULES, LIST_RULES, paginateOrdered } from '../ordered-list.ts';
import { ConversationConnection, ConversationRef } from './conversation.ts';
import { ConversationFilterInput, conversationOrder, toFilter } from './list-inputs.ts';

const { orderBy, toOrder } = conversationOrder;
const TEXT_LIMIT = `With a frequent \`query\`, it counts among the first ${MAX_COUNTED_WITH_TEXT.toLocaleString('en')}.`;
const DEFAULT_ORDER = 'Without `orderBy`, those with the newest messages come first.';

const filter = {
  type: ConversationFilterInput,
  description: 'The conditions that all returned conversations meet; if absent, none.',
} as const;

builder.objectField(ChatbotRef, 'conversations', (t) =>
  t.connection(
    {
      type: ConversationRef,
      authScopes: { READ: true },
      description: `The conversations of the chatbot. ${DEFAULT_ORDER} ${LIST_RULES} ${TEXT_LIMIT} Needs \`READ\`.`,
      args: { filter: t.arg(filter), orderBy: t.arg(orderBy) },
      extensions: pageExtensions,
      resolve: (chatbot, { filter, orderBy, ...args }, context) =>
        paginateChatbot(
          context,
          chatbot.id,
          { filter: toFilter(filter, context.viewer), order: toOrder(orderBy) },
          args,
        ),
    },
    ConversationConnection,
  ),
);

builder.queryField('conversations', (t) =>
  t.connection(
    {
      type: ConversationRef,
      allowsRestricted: true,
      authScopes: { READ: true },
      description: `The conversations of all chatbots. ${DEFAULT_ORDER} ${ACCOUNT_LIST_RULES} ${TEXT_LIMIT} Needs \`READ\`.`,
      args: { filter: t.arg(filter), orderBy: t.arg(orderBy) },
      extensions: pageExtensions,
      resolve: (_root, { filter: filterInput, orderBy, ...args }, context) => {
        const filter = restrictFilter(context.viewer, toFilter(filterInput, context.viewer));
        return paginateFiltered(context, { filter, order: toOrder(orderBy) }, args);
      },
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
  return paginateOrdered(
    { orders: CONVERSATION_ORDERS, order },
    args,
    async (page) => ({ items: await loaders.conversationPages.load({ chatbotId, order, page }) }),
    () => countByStatus(),
  );
}

function paginateFiltered({ deps, viewer }: GraphContext, { filter, order }: Selection, args: PageArgs) {
  const list = { filter, order, now: toTimestamp(deps.clock.now()) };
  return paginateOrdered(
    { orders: CONVERSATION_ORDERS, order },
    args,
    (page) => listConversations(deps.db.read, viewer.accountId, list, page),
    () => countConversations(deps.db.read, viewer.accountId, list),
  );
}
