import {
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isInterfaceType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { allowsSessions, type SessionTargetKind, sessionTargetOf } from '../../../schema/scopes.ts';
import type { SessionScope } from '../../access/sessions.ts';
import type { Viewer } from '../../access/viewer.ts';
import type { Deps } from '../../deps.ts';
import { ForbiddenError, NotFoundError } from '../../domain/errors.ts';
import { findConversation } from '../../store/conversations.ts';
import { findMessage } from '../../store/messages.ts';
import { ownsConversation } from '../../visitors/session-scope.ts';
import { type CheckedOperation, type SelectedField, type Variables, visitSelectedFields } from '../selected-fields.ts';

/** The fields that a session may select, by the name of the object type or interface from which they are selected. */
export type SessionFields = ReadonlyMap<string, ReadonlySet<string>>;

/** The interfaces of objects of which a session may select every field. */
const OPEN_INTERFACES: readonly string[] = ['ConversationEvent', 'Error'];

const fieldsBySchema = new WeakMap<GraphQLSchema, SessionFields>();

/**
 * Lists the fields that a session may select: of the types that it can reach, those with `sessions` or `sessionTarget`
 * in the schema, and all fields of errors, events and payloads. Each schema is read once.
 */
export function listSessionFields(schema: GraphQLSchema): SessionFields {
  const known = fieldsBySchema.get(schema);
  if (known !== undefined) return known;
  const fields = collectSessionFields(schema);
  fieldsBySchema.set(schema, fields);
  return fields;
}

function collectSessionFields(schema: GraphQLSchema): SessionFields {
  const fields = new Map<string, Set<string>>();
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const open = OPEN_INTERFACES.map((name) => schema.getType(name));
  // The loop adds the types that it reaches. An object of `Node` is reached by the fields that return its own type.
  const reached = new Set<GraphQLNamedType>([...roots, ...open].filter((type) => type != null));
  for (const type of reached) {
    if (isUnionType(type) || open.includes(type)) {
      for (const member of schema.getPossibleTypes(type as GraphQLAbstractType)) reached.add(member);
    }
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    // Of the payloads, only those of the mutations that a session may select are reached.
    const isOpen = type.name.endsWith('Payload') || [type, ...type.getInterfaces()].some((each) => open.includes(each));
    const allowed = Object.values(type.getFields()).filter((field) => isOpen || allowsSessions(field));
    fields.set(type.name, new Set(allowed.map(({ name }) => name)));
    for (const field of allowed) reached.add(getNamedType(field.type));
  }
  return fields;
}

/**
 * Checks that an operation of a session selects only fields that the schema allows sessions. The fields that it leaves
 * out with `@skip` or `@include` do not count, nor do other operations of the document.
 * @throws ForbiddenError for the first other field; no scope is sufficient for it.
 */
export function requireSessionFields(target: CheckedOperation): void {
  const fields = listSessionFields(target.schema);
  visitSelectedFields(target, ({ node: { name }, path, parent }) => {
    if (parent !== undefined && fields.get(parent.name)?.has(name.value)) return;
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
  const objects: (SessionObject | undefined)[] = [];
  visitSelectedFields(target, ({ node, path, definitions: [root] }) => {
    if (path.length === 1 && root)
      objects.push(targetOf(root, node, { session: viewer.session, variables: target.variables ?? {} }));
  });
  for (const object of objects) await requireOwnTarget(deps, viewer, object);
}

/** The object that a root field is about. */
interface SessionObject {
  readonly kind: SessionTargetKind;
  /** In lower case; empty if the argument is absent. */
  readonly id: string;
}

/** The object that an argument of a root field names; undefined for a field without `sessionTarget`. */
function targetOf(
  [, field]: SelectedField['definitions'][number],
  node: FieldNode,
  { session, variables }: { session: SessionScope; variables: Variables },
): SessionObject | undefined {
  const target = sessionTargetOf(field);
  if (target === undefined) return undefined;
  const { argument, kind, chatbotArgument } = target;
  const values = getArgumentValues(field, node, variables);
  const fields = (values.input ?? values) as Readonly<Record<string, unknown>>;
  // A session of one conversation starts no other.
  const startsConversation =
    chatbotArgument !== undefined && session.conversationId === undefined && fields[argument] == null;
  const id = fields[startsConversation ? chatbotArgument : argument];
  return { kind: startsConversation ? 'chatbot' : kind, id: typeof id === 'string' ? id.toLowerCase() : '' };
}

async function requireOwnTarget(
  { db }: Pick<Deps, 'db'>,
  { accountId, session }: Pick<Viewer, 'accountId'> & { readonly session: SessionScope },
  target: SessionObject | undefined,
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
