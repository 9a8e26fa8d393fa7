import { BadUserInputError } from '../src/domain/errors.ts';
import { type IdKind, kindOfId } from '../src/domain/ids.ts';
import { findAccount } from '../src/store/accounts.ts';
import { findApiKey } from '../src/store/api-keys.ts';
import { builder, type FieldExtensions } from './builder.ts';
import type { GraphContext } from './context.ts';
import { CONTENT_SCOPES } from './scopes.ts';

const MAX_NODES = 100;

/** The GraphQL type of each kind of id. Events are not nodes: clients get them from streams and deliveries. */
const TYPE_NAMES: Partial<Record<IdKind, string>> = {
  account: 'Account',
  apiKey: 'ApiKey',
  chatbot: 'Chatbot',
  source: 'Source',
  passage: 'Passage',
  conversation: 'Conversation',
  message: 'Message',
  lead: 'Lead',
  member: 'Member',
  conversationActivity: 'ConversationActivity',
  visitor: 'Visitor',
  sessionToken: 'SessionToken',
  webhookSubscription: 'WebhookSubscription',
  webhookDelivery: 'WebhookDelivery',
  operationManifest: 'OperationManifest',
  operation: 'Operation',
};

/** An object that can be fetched by its id alone: the id contains its kind. */
export const Node = builder.interfaceRef<{ id: string }>('Node').implement({
  description: 'An object with an id, which `node` and `nodes` fetch.',
  resolveType: ({ id }) => {
    const kind = kindOfId(id);
    return kind && TYPE_NAMES[kind];
  },
  fields: (t) => ({
    id: t.exposeID('id', { sessions: true, description: 'A UUID, the same in GraphQL, REST and webhooks.' }),
  }),
});

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    authScopes: CONTENT_SCOPES,
    sessionTarget: { argument: 'id', kind: 'conversation or message' },
    description:
      'Fetches an object by its id. Null if the id is malformed, unknown or of another account, or if the credential may not see such an object: `CHAT` alone sees chatbots, conversations and messages; API keys, session tokens and webhooks need `READ` and `MANAGE`. Needs `READ` or `CHAT`.',
    args: { id: t.arg.id({ required: true, description: 'The id, in upper or lower case.' }) },
    resolve: (_root, { id }, context) => findNode(context, id),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    authScopes: CONTENT_SCOPES,
    description:
      'Fetches up to 100 objects by their ids, in the order of `ids`. An item is null where `node` would return null. Needs `READ` or `CHAT`.',
    args: { ids: t.arg.idList({ required: true, description: 'The ids, in upper or lower case; at most 100.' }) },
    extensions: { listSize: ({ ids }) => (Array.isArray(ids) ? ids.length : 1) } satisfies FieldExtensions,
    resolve: (_root, { ids }, context) => {
      if (ids.length > MAX_NODES) throw new BadUserInputError(`At most ${MAX_NODES} ids are accepted.`);
      return Promise.all(ids.map((id) => findNode(context, id)));
    },
  }),
}));

/** The kinds of objects that `CHAT` alone sees, besides the account. */
const CHAT_KINDS: ReadonlySet<IdKind | undefined> = new Set(['account', 'chatbot', 'conversation', 'message']);
/** The kinds of objects that need `MANAGE` too, as lists of them do. */
const MANAGED_KINDS: ReadonlySet<IdKind | undefined> = new Set([
  ...(['apiKey', 'sessionToken', 'webhookSubscription', 'webhookDelivery'] as const),
]);

async function findNode({ deps, viewer, loaders }: GraphContext, text: string): Promise<{ id: string } | null> {
  const id = text.toLowerCase();
  const kind = kindOfId(id);
  if (!viewer.scopes.has('READ') && !CHAT_KINDS.has(kind)) return null;
  if (!viewer.scopes.has('MANAGE') && MANAGED_KINDS.has(kind)) return null;
  const found = await (async () => {
    switch (kind) {
      case 'account':
        return id === viewer.accountId ? findAccount(deps.db.read, id) : undefined;
      case 'apiKey':
        return findApiKey(deps.db.read, viewer.accountId, id);
      case 'chatbot':
        return loaders.chatbot.load(id);
      case 'source':
        return loaders.source.load(id);
      case 'passage':
        return loaders.passage.load(id);
      case 'conversation':
        return loaders.conversation.load(id);
      case 'message':
        return loaders.message.load(id);
      case 'lead':
        return loaders.lead.load(id);
      case 'member':
        return loaders.member.load(id);
      case 'conversationActivity':
        return loaders.activity.load(id);
      case 'visitor':
        return loaders.visitor.load(id);
      case 'sessionToken':
        return loaders.sessionToken.load(id);
      case 'webhookSubscription':
        return loaders.webhookSubscription.load(id);
      case 'webhookDelivery':
        return loaders.webhookDelivery.load(id);
      case 'operationManifest':
        return loaders.manifest.load(id);
      case 'operation':
        return loaders.operation.load(id);
      default:
        return undefined;
    }
  })();
  return found ?? null;
}
