import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getArgumentValues,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { SessionScope } from '../access/sessions.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { ForbiddenError, NotFoundError } from '../domain/errors.ts';
import { findMessage } from '../store/messages.ts';

/** The kinds of objects whose id an argument may contain. */
type TargetKind = 'chatbot' | 'conversation' | 'message' | 'conversation or message';

/**
 * The argument of a root field that contains the id of the field's object, and the kind of this object; undefined for
 * `viewer`, which has no argument.
 */
type TargetArgument = { readonly argument: string; readonly kind: TargetKind } | undefined;

const CONVERSATION_ARGUMENT: TargetArgument = { argument: 'conversationId', kind: 'conversation' };
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
  Viewer: ['kind', 'rateLimit', 'scopes'],
  RateLimitStatus: ['limit', 'remaining', 'resetAt'],
  Node: ['id'],
  Chatbot: ['id', 'leadForm', 'name'],
  LeadForm: ['fields', 'title'],
  LeadField: ['isRequired', 'label', 'name'],
  Conversation: [
    ...['answeredBy', 'assignee', 'channel', 'chatbot', 'createdAt', 'eventCursor', 'id', 'lastMessage', 'messages'],
    ...['lastVisitorMessage', 'sessionId', 'silentUntil', 'status', 'updatedAt', 'visitorUnreadCount'],
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
  Citation: ['end', 'passage', 'quote', 'start', 'title', 'url'],
  Passage: ['headingPath', 'id', 'text'],
  Lead: ['id'],
};
const ALLOWED_INTERFACES = new Set(['ConversationEvent', 'Error']);

/**
 * Checks an operation of a session before it runs: it may select only the fields of the lists above, and only for the
 * session's own conversation. Nothing else keeps a session within its conversation: the resolvers do not check it.
 * @param args the arguments of a validated operation.
 * @param variables the coerced variables.
 * @throws ForbiddenError for a field that is not on the lists; NotFoundError for an object that does not belong to the
 * session, whether or not it exists.
 */
export async function requireSessionFields(
  deps: Pick<Deps, 'db'>,
  viewer: Pick<Viewer, 'accountId'> & { readonly session: SessionScope },
  args: Pick<ExecutionArgs, 'schema' | 'document'>,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): Promise<void> {
  requireListedFields(args);
  const root = args.schema.getRootType(operation.operation);
  if (root == null) throw new NotFoundError('Operation');
  for (const node of rootFieldNodesOf(args, operation.selectionSet)) {
    await requireOwnTarget(deps, viewer, targetOf(root, node, variables));
  }
}

function requireListedFields({ schema, document }: Pick<ExecutionArgs, 'schema' | 'document'>): void {
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name: { value: name } }) {
        const type = types.getParentType();
        if (name === '__typename' || (type && isListed(type, name))) return;
        throw new ForbiddenError(`${type?.name}.${name}`);
      },
    }),
  );
}

function isListed(type: GraphQLNamedType, field: string): boolean {
  const { name } = type;
  // `useCredentialCheck` has checked introspection already.
  if (name.startsWith('__') || field.startsWith('__')) return true;
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

/** The root fields, including those of fragments and those that `@skip` or `@include` leaves out. */
function rootFieldNodesOf({ document }: Pick<ExecutionArgs, 'document'>, selection: SelectionSetNode): FieldNode[] {
  return selection.selections.flatMap((node) => {
    if (node.kind === Kind.FIELD) return node.name.value.startsWith('__') ? [] : [node];
    if (node.kind === Kind.INLINE_FRAGMENT) return rootFieldNodesOf({ document }, node.selectionSet);
    const fragment = document.definitions.find(
      (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === node.name.value,
    );
    return fragment?.kind === Kind.FRAGMENT_DEFINITION ? rootFieldNodesOf({ document }, fragment.selectionSet) : [];
  });
}

/** The kind and id of the object that an argument of a root field names; undefined for a field without an argument. */
function targetOf(root: GraphQLObjectType, node: FieldNode, variables: Readonly<Record<string, unknown>>) {
  const name = node.name.value;
  const field = root.getFields()[name];
  const targetArgument = SESSION_ROOT_FIELDS[root.name]?.[name];
  if (field === undefined || targetArgument === undefined) return undefined;
  const values = getArgumentValues(field, node, variables);
  const { [targetArgument.argument]: id } = (values.input ?? values) as Readonly<Record<string, unknown>>;
  return { kind: targetArgument.kind, id: typeof id === 'string' ? id.toLowerCase() : '' };
}

async function requireOwnTarget(
  { db }: Pick<Deps, 'db'>,
  { accountId, session }: Pick<Viewer, 'accountId'> & { readonly session: SessionScope },
  target: { readonly kind: TargetKind; readonly id: string } | undefined,
): Promise<void> {
  if (target === undefined) return;
  const { kind, id } = target;
  if (kind === 'chatbot' && id === session.chatbotId) return;
  if (kind.startsWith('conversation') && id === session.conversationId) return;
  if (kind.endsWith('message')) {
    const message = await findMessage(db.read, accountId, id);
    if (message?.conversationId === session.conversationId && !message.isPrivate) return;
  }
  throw new NotFoundError('Node');
}
