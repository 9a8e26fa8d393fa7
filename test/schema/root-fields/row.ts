import {
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { schema } from '../../../schema/index.ts';
import type { Scope } from '../../../src/domain/entities.ts';
import type { NamedKind, World } from './world.ts';

/** The arguments of a root field; for a mutation, the fields of its `input`. */
export type Args = Readonly<Record<string, unknown>>;

/** Makes arguments, and before that the objects that they name. */
export type MakeArgs = (world: World) => Args | Promise<Args>;

/** A root field with what the tests need to know about it. A field whose scopes depend on its arguments has two rows. */
export interface Row {
  readonly field: string;
  /** The smallest sets of scopes of which each is sufficient alone. */
  readonly scopes: readonly (readonly Scope[])[];
  /** Makes arguments with which the field succeeds; absent: it succeeds without arguments. */
  readonly args?: MakeArgs;
  /** Makes the credential with which the field succeeds, for one that needs a session; absent: an API key. */
  readonly createCredential?: (world: World) => Promise<string>;
  /** Makes the first event of a subscription that has none at its start. */
  readonly trigger?: (world: World) => Promise<unknown>;
  /** The selection from the field or, for a mutation, from its payload. */
  readonly selection?: string;
  /** Each argument that is an id, by its path. */
  readonly ids?: Readonly<Record<string, IdArgument>>;
  /** For each error of the result: makes arguments that lead to it. */
  readonly errors?: Readonly<Record<string, MakeArgs>>;
  /** The paths of texts that may be longer than any other. */
  readonly longTexts?: readonly string[];
  /** Arguments that a query or subscription refuses with BAD_USER_INPUT. */
  readonly refuses?: readonly MakeArgs[];
}

/** An argument that is an id. */
export interface IdArgument {
  readonly kind: NamedKind;
  /** The outcome for an unknown id; absent: that of most fields of this kind. */
  readonly unknown?: unknown;
  /** Makes arguments with the id; absent: those of the success, with this id. */
  readonly args?: (id: string, world: World) => Args;
}

/** A root field of the schema. */
export interface RootField {
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly definition: GraphQLField<unknown, unknown>;
}

/** All root fields, by name. */
export const ROOT_FIELDS: ReadonlyMap<string, RootField> = new Map(
  (
    [
      ['query', schema.getQueryType()],
      ['mutation', schema.getMutationType()],
      ['subscription', schema.getSubscriptionType()],
    ] as const
  ).flatMap(([kind, type]) =>
    Object.values(type?.getFields() ?? {}).map((definition) => [definition.name, { kind, definition }] as const),
  ),
);

/** Finds a root field. */
export function rootFieldOf(name: string): RootField {
  const field = ROOT_FIELDS.get(name);
  if (field === undefined) throw new Error(`The schema has no root field ${name}.`);
  return field;
}

/** An operation with one root field, with a variable for each argument of the field. */
export function operationOf({ field, selection }: Pick<Row, 'field' | 'selection'>): string {
  const { kind, definition } = rootFieldOf(field);
  const variables = definition.args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const args = definition.args.map(({ name }) => `${name}: $${name}`).join(', ');
  const call = `${field}${args && `(${args})`}`;
  return `${kind} ${variables && `(${variables})`} { ${call} { ${selectionOf(definition, selection)} } }`;
}

function selectionOf({ type }: GraphQLField<unknown, unknown>, selection = '__typename'): string {
  const named = getNamedType(type);
  if (!isUnionType(named)) return selection;
  const payload = named.name.replace(/Result$/, 'Payload');
  const error = named.getTypes().some(({ name }) => name === 'InvalidInputError');
  return `__typename ... on ${payload} { ${selection} } ${error ? '... on InvalidInputError { fields { path message } }' : ''}`;
}

/** The variables of an operation. */
export const variablesOf = ({ field }: Pick<Row, 'field'>, args: Args): Args =>
  rootFieldOf(field).kind === 'mutation' ? { input: args } : { ...args };

/** An argument without fields of its own: its path from the arguments of the root field, and its type. */
export interface LeafArgument {
  readonly path: readonly string[];
  readonly type: GraphQLInputType;
}

/** All arguments of a root field that have no fields of their own. */
export function listLeaves(field: string): readonly LeafArgument[] {
  return listArguments(field).flatMap(({ name, type }) => listLeavesOf(type, [name]));
}

function listLeavesOf(type: GraphQLInputType, path: readonly string[]): LeafArgument[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [{ path, type }];
  return Object.values(named.getFields()).flatMap((each) => listLeavesOf(each.type, [...path, each.name]));
}

/** The arguments of a root field; for a mutation, the fields of its `input`. */
function listArguments(field: string): readonly { readonly name: string; readonly type: GraphQLInputType }[] {
  const { kind, definition } = rootFieldOf(field);
  const input = getNamedType(definition.args[0]?.type);
  return kind === 'mutation' && isInputObjectType(input) ? Object.values(input.getFields()) : definition.args;
}

/** Sets one of the leaves of arguments. Objects and lists around it are added where they are missing. */
export function withLeaf(field: string, args: Args, [name = '', ...rest]: readonly string[], value: unknown): Args {
  const argument = listArguments(field).find((each) => each.name === name);
  if (argument === undefined) throw new Error(`${field} has no argument ${name}.`);
  return { ...args, [name]: place(argument.type, args[name], rest, value) };
}

function place(type: GraphQLInputType, present: unknown, path: readonly string[], value: unknown): unknown {
  if (isNonNullType(type)) return place(type.ofType, present, path, value);
  if (isListType(type)) {
    if (path.length === 0 && Array.isArray(value)) return value;
    return [place(type.ofType, Array.isArray(present) ? present[0] : undefined, path, value)];
  }
  const [name, ...rest] = path;
  const field = isInputObjectType(type) && name !== undefined ? type.getFields()[name] : undefined;
  if (!isInputObjectType(type) || name === undefined || field === undefined) return value;
  const fields = (type.isOneOf ? {} : (present ?? fillRequired(type))) as Args;
  return { ...fields, [name]: place(field.type, fields[name], rest, value) };
}

/** A value of a type with its required fields. */
function fillRequired(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return fillRequired(type.ofType);
  if (isListType(type)) return [fillRequired(type.ofType)];
  if (!isInputObjectType(type)) return `${type}` === 'Boolean' ? true : 'a';
  const required = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
  return Object.fromEntries(required.map((field) => [field.name, fillRequired(field.type)]));
}

/** The errors that the result of a root field declares. */
export function listDeclaredErrors(field: string): string[] {
  const type = getNamedType(rootFieldOf(field).definition.type);
  const members = isUnionType(type) ? type.getTypes() : [];
  return members.filter((member) => isObjectType(member) && !member.name.endsWith('Payload')).map(({ name }) => name);
}
