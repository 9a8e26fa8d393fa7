import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Viewer } from '../src/access/viewer.ts';
import { createId, kindOfId } from '../src/domain/ids.ts';
import { findVisibleIds } from '../src/store/chatbot-objects.ts';
import type { GraphContext } from './context.ts';

/** More ids than any argument may have; resolvers refuse longer lists. */
const MAX_IDS = 1_000;

type Values = Readonly<Record<string, unknown>>;
type ReplaceId = (id: string) => string;

/**
 * Makes every field with ids among its arguments treat those that a restricted credential may not see like unknown ids:
 * its resolver receives an unknown id of the same kind instead. This is the one place where such ids are caught, for
 * queries, mutations and subscriptions, and for REST, which executes the same schema. What a field lists without being
 * given an id is limited by the functions of `src/access/restriction.ts`.
 */
export function hideOtherChatbots(types: readonly GraphQLNamedType[]): void {
  for (const type of types.filter(isObjectType)) {
    for (const field of Object.values(type.getFields())) {
      if (!field.args.some(({ type: argument }) => containsId(argument, new Set()))) continue;
      const wrap = <R>(run: (root: unknown, args: Values, context: GraphContext, info: never) => R) => {
        return (root: unknown, args: Values, context: GraphContext, info: never): R | Promise<Awaited<R>> => {
          const { viewer, deps } = context;
          if (viewer?.chatbotIds === undefined) return run(root, args, context, info);
          const hidden = hideIds(deps.db.read, { ...viewer, chatbotIds: viewer.chatbotIds }, field.args, args);
          return hidden.then((visible) => run(root, visible, context, info)) as Promise<Awaited<R>>;
        };
      };
      // A subscription has received its arguments when its events are resolved.
      if (type.name === 'Subscription') field.subscribe = wrap(field.subscribe as never) as never;
      else field.resolve = wrap((field.resolve ?? defaultFieldResolver) as never) as never;
    }
  }
}

async function hideIds(
  db: GraphContext['deps']['db']['read'],
  viewer: Pick<Viewer, 'accountId'> & { readonly chatbotIds: ReadonlySet<string> },
  definitions: readonly GraphQLArgument[],
  args: Values,
): Promise<Values> {
  const ids: string[] = [];
  const collect: ReplaceId = (id) => {
    ids.push(id.toLowerCase());
    return id;
  };
  replaceInFields(definitions, args, collect);
  const visible = await findVisibleIds(db, viewer, ids.slice(0, MAX_IDS));
  return replaceInFields(definitions, args, (id) => {
    const kind = kindOfId(id.toLowerCase());
    return kind === undefined || visible.has(id.toLowerCase()) ? id : createId(kind);
  });
}

function replaceInFields(
  definitions: readonly (GraphQLArgument | GraphQLInputField)[],
  values: Values,
  replace: ReplaceId,
): Values {
  const replaced: Record<string, unknown> = { ...values };
  for (const { name, type } of definitions) {
    if (name in values) replaced[name] = replaceIn(type, values[name], replace);
  }
  return replaced;
}

function replaceIn(type: GraphQLInputType, value: unknown, replace: ReplaceId): unknown {
  if (value === null || value === undefined) return value;
  if (isNonNullType(type)) return replaceIn(type.ofType, value, replace);
  if (isListType(type)) {
    return Array.isArray(value) ? value.map((item) => replaceIn(type.ofType, item, replace)) : value;
  }
  if (isInputObjectType(type)) return replaceInFields(Object.values(type.getFields()), value as Values, replace);
  return type.name === 'ID' ? replace(String(value)) : value;
}

function containsId(type: GraphQLInputType, visited: Set<unknown>): boolean {
  const named = getNamedType(type);
  if (named.name === 'ID') return true;
  if (!isInputObjectType(named) || visited.has(named)) return false;
  visited.add(named);
  return Object.values(named.getFields()).some((field) => containsId(field.type, visited));
}
