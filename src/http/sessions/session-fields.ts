import { type FieldNode, type GraphQLNamedType, getArgumentValues, isInterfaceType, isObjectType } from 'graphql';
import type { SessionScope } from '../../access/sessions.ts';
import type { Viewer } from '../../access/viewer.ts';
import type { Deps } from '../../deps.ts';
import { ForbiddenError, NotFoundError } from '../../domain/errors.ts';
import { findConversation } from '../../store/conversations.ts';
import { findMessage } from '../../store/messages.ts';
import { ownsConversation } from '../../visitors/session-scope.ts';
import { type CheckedOperation, type SelectedField, type Variables, visitSelectedFields } from '../selected-fields.ts';

/** The kinds of objects whose id an argument may contain. */
type TargetKind = 'chatbot' | 'conversation' | 'message' | 'conversation or message';

/**
 * The argument of a root field that contains the id of the field's object, and the kind of this object; undefined for
 * `viewer`, which has no argument.
 */
type TargetArgument = { readonly argument: string; readonly kind: TargetKind } | undefined;

const CONVERSATION_ARGUMENT: TargetArgument = { argument: 'conversationId', kind: 'conversation' };
/** The target of a message that starts a conversation. */
const CHATBOT_ARGUMENT = { argument: 'chatbotId', kind: 'chatbot' } as const;
const MESSAGE_ARGUMENT: TargetArgument = { argument: 'messageId', kind: 'message' };
const MESSAGE_ID: TargetArgument = { argument: 'id', kind: 'message' };

/** The root fields that a session may select, for its own conversation only. All other root fields are forbidden. */
export const SESSION_ROOT_FIELDS: Readonly<Record<string, Readonly<Record<string, TargetArgument>>>> = {
  Query: {
    viewer: undefined,
    chatbot: { argument: 'id', kind: 'chatbot' },
    conversation: { argument: 'id', kind: 'conversation' },
    message: MESSAGE_ID,
    node: { argument: 'id', kind: 'conversation or message' },
  },
  Mutation: {
    sendMessage: CONVERSATION_ARGUMENT,
    stopMessage: MESSAGE_ID,
    rateMessage: MESSAGE_ID,
    regenerateMessage: MESSAGE_ID,
    editMessage: MESSAGE_ID,
    selectBranch: MESSAGE_ID,
    escalateConversation: { argument: 'id', kind: 'conversation' },
    captureLead: CONVERSATION_ARGUMENT,
    setTyping: CONVERSATION_ARGUMENT,
    markConversationRead: { argument: 'id', kind: 'conversation' },
  },
  Subscription: { messageStream: MESSAGE_ARGUMENT, conversationEvents: CONVERSATION_ARGUMENT },
};

/** The fields of other types that a session may select. All fields of errors and of conversation events are allowed. */
export const SESSION_FIELDS: Readonly<Record<string, readonly string[]>> = {
  Viewer: ['id', 'kind', 'rateLimit', 'scopes', 'sessionToken', 'visitor'],
  SessionToken: ['chatbot', 'createdAt', 'expiresAt', 'id', 'origin', 'visitor'],
  Visitor: [
    ...['chatbot', 'conversations', 'customData', 'email', 'externalId', 'firstSeenAt', 'id', 'isVerified'],
    ...['lastSeenAt', 'name'],
  ],
  ConversationConnection: ['edges', 'nodes', 'pageInfo'],
  ConversationEdge: ['cursor', 'node'],
  RateLimitStatus: ['limit', 'remaining', 'resetAt'],
  Node: ['id'],
  Chatbot: ['id', 'leadForm', 'name'],
  LeadForm: ['fields', 'title'],
  LeadField: ['isRequired', 'label', 'name'],
  Conversation: [
    ...['answeredBy', 'assignee', 'channel', 'chatbot', 'createdAt', 'eventCursor', 'id', 'lastMessage', 'messages'],
    ...['lastVisitorMessage', 'sessionId', 'silentUntil', 'status', 'updatedAt', 'visitor', 'visitorUnreadCount'],
  ],
  PageInfo: ['endCursor', 'hasNextPage', 'hasPreviousPage', 'startCursor'],
  MessageConnection: ['edges', 'nodes', 'pageInfo'],
  MessageEdge: ['cursor', 'node'],
  Message: [
    ...['authorName', 'citations', 'completedAt', 'content', 'conversation', 'createdAt', 'error', 'finishReason'],
    ...['followUps', 'id', 'isPrivate', 'isShown', 'parent', 'rating', 'replies', 'role', 'siblings', 'status'],
    ...['ratingComment', 'updatedAt'],
  ],
  MessageError: ['code', 'message'],
  Citation: ['end', 'id', 'passage', 'quote', 'start', 'title', 'url'],
  Passage: ['headingPath', 'id', 'text'],
  Lead: ['id'],
};
const ALLOWED_INTERFACES = new Set(['ConversationEvent', 'Error']);

/**
 * Checks that an operation of a session selects only the fields of the lists above. The fields that it leaves out with
 * `@skip` or `@include` do not count, nor do other operations of the document.
 * @throws ForbiddenError for the first field that is not on the lists; no scope is sufficient for it.
 */
export function requireSessionFields(target: CheckedOperation): void {
  visitSelectedFields(target, ({ node: { name }, path, parent }) => {
    if (parent !== undefined && isSessionField(parent, name.value)) return;
    throw new ForbiddenError(`${parent?.name}.${name.value}`, [], path);
  });
}

/**
 * Checks that an operation that `requireSessionFields` accepts is only about what belongs to the session. Nothing else
 * keeps a session within its conversations: the resolvers do not check it.
 * @throws NotFoundError for an object that does not belong to the session, whether or not it exists.
 */
export async function requireSessionObjects(
  deps: Pick<Deps, 'db'>,
  viewer: Pick<Viewer, 'accountId'> & { readonly session: SessionScope },
  target: CheckedOperation,
): Promise<void> {
  const objects: ReturnType<typeof targetOf>[] = [];
  visitSelectedFields(target, ({ node, path, definitions: [root] }) => {
    if (path.length === 1 && root)
      objects.push(targetOf(root, node, { session: viewer.session, variables: target.variables ?? {} }));
  });
  for (const object of objects) await requireOwnTarget(deps, viewer, object);
}

/** Whether a session may select a field, for what belongs to its visitor. */
export function isSessionField(type: GraphQLNamedType, field: string): boolean {
  const { name } = type;
  const rootFields = SESSION_ROOT_FIELDS[name];
  if (rootFields !== undefined) return Object.hasOwn(rootFields, field);
  if (SESSION_FIELDS[name]?.includes(field)) return true;
  if (isPayload(name)) return true;
  const interfaces = isObjectType(type) || isInterfaceType(type) ? [type, ...type.getInterfaces()] : [];
  return interfaces.some((each) => ALLOWED_INTERFACES.has(each.name));
}

/** Whether a type is the payload of an allowed mutation. Payloads contain only objects whose types are limited too. */
function isPayload(name: string): boolean {
  return Object.keys(SESSION_ROOT_FIELDS.Mutation ?? {}).some(
    (field) => name === `${field.charAt(0).toUpperCase()}${field.slice(1)}Payload`,
  );
}

/** The kind and id of the object that an argument of a root field names; undefined for a field without an argument. */
function targetOf(
  [root, field]: SelectedField['definitions'][number],
  node: FieldNode,
  { session, variables }: { session: SessionScope; variables: Variables },
) {
  const targetArgument = SESSION_ROOT_FIELDS[root.name]?.[field.name];
  if (targetArgument === undefined) return undefined;
  const values = getArgumentValues(field, node, variables);
  const fields = (values.input ?? values) as Readonly<Record<string, unknown>>;
  const isMessage = field.name === 'sendMessage' && session.conversationId === undefined;
  const startsConversation = isMessage && fields.conversationId == null;
  const { argument, kind } = startsConversation ? CHATBOT_ARGUMENT : targetArgument;
  const { [argument]: id } = fields;
  return { kind, id: typeof id === 'string' ? id.toLowerCase() : '' };
}

async function requireOwnTarget(
  { db }: Pick<Deps, 'db'>,
  { accountId, session }: Pick<Viewer, 'accountId'> & { readonly session: SessionScope },
  target: { readonly kind: TargetKind; readonly id: string } | undefined,
): Promise<void> {
  if (target === undefined) return;
  const { kind, id } = target;
  const isOwn = async (conversationId: string) =>
    ownsConversation(session, await findConversation(db.read, accountId, conversationId));
  if (kind === 'chatbot' && id === session.chatbotId) return;
  if (kind.startsWith('conversation') && (id === session.conversationId || (await isOwn(id)))) return;
  if (kind.endsWith('message')) {
    const message = await findMessage(db.read, accountId, id);
    if (message !== undefined && !message.isPrivate && (await isOwn(message.conversationId))) return;
  }
  throw new NotFoundError('Node');
}
