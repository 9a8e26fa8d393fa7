import type { FieldNullability, InputFieldMap, InputShapeFromFields, SchemaTypes, TypeParam } from '@pothos/core';
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
} from 'graphql';
import { SCOPES, type Scope } from '../src/domain/entities.ts';

type ScopeMap = { readonly [Name in Scope]?: true };

/** The scopes of a field: one required scope, or several of which any one is enough. */
export type ScopeRule = ScopeMap | { readonly $any: ScopeMap };

declare global {
  export namespace PothosSchemaTypes {
    export interface FieldOptions<
      Types extends SchemaTypes,
      ParentShape,
      Type extends TypeParam<Types>,
      Nullable extends FieldNullability<Type>,
      Args extends InputFieldMap,
      ResolveShape,
      ResolveReturnShape,
    > {
      /**
       * A credential needs one of these scopes to select the field; if `authScopes` is absent, it needs no scope. The
       * gateway checks the scopes of all fields of an operation before any resolver runs, so resolvers check none.
       */
      authScopes?: ScopeRule;
      /** The scopes that the values of the arguments need, besides `authScopes`; checked at the same time. */
      argumentScopes?: (args: InputShapeFromFields<Args>) => ScopeRule | undefined;
      /**
       * Whether a credential that is restricted to chatbots may select a field of a root type or of the account: then the
       * resolver limits the result to these chatbots. By default only if an id is required, because the ids of other
       * chatbots are hidden from every resolver.
       */
      allowsRestricted?: boolean;
      /**
       * Whether a session token may select the field, for what belongs to its visitor; by default not. The option counts
       * only where a session can reach the type of the field, so that `id` of `Node` gives no session the id of an account.
       * Errors, events and the payloads of mutations that a session may select need no option.
       */
      sessions?: boolean;
      /**
       * Lets a session token select a field of a root type, only for an object of its visitor that this argument names.
       * The gateway checks it before any resolver runs, so resolvers do not. A root field without such an argument has
       * `sessions`, and its resolver is limited to what belongs to the session.
       */
      sessionTarget?: SessionTarget;
    }
  }
}

/** The kinds of objects that an argument with `sessionTarget` can name. */
export type SessionTargetKind = 'chatbot' | 'conversation' | 'message' | 'conversation or message';

/** The argument of a root field, or the field of its `input`, that contains the id of the object that the field is about. */
export interface SessionTarget {
  readonly argument: string;
  readonly kind: SessionTargetKind;
  /** The argument that names, in place of `argument`, the chatbot in which the field starts a conversation. */
  readonly chatbotArgument?: string;
}

/** The rule for the content of conversations. A credential with only `MANAGE` cannot read any of it. */
export const CONTENT_SCOPES = { $any: { READ: true, CHAT: true } } as const satisfies ScopeRule;

/** The rule for the settings of a chatbot, which are no part of its public side. */
export const SETTINGS_SCOPES = { $any: { READ: true, MANAGE: true } } as const satisfies ScopeRule;

type ScopedField = Pick<GraphQLField<unknown, unknown>, 'extensions'>;
type Arguments = Readonly<Record<string, unknown>>;

interface ScopeOptions {
  readonly authScopes?: ScopeRule;
  readonly argumentScopes?: (args: Arguments) => ScopeRule | undefined;
  readonly allowsRestricted?: boolean;
  readonly sessions?: boolean;
  readonly sessionTarget?: SessionTarget;
}

/** The scopes of which any one allows selecting a field; empty if every credential may select it. */
export function scopesOf(field: ScopedField): readonly Scope[] {
  return listScopes(optionsOf(field).authScopes);
}

/** The function that lists the scopes of which the arguments need one; undefined if no argument needs a scope. */
export function argumentScopesOf(field: ScopedField): ((args: Arguments) => readonly Scope[]) | undefined {
  const { argumentScopes } = optionsOf(field);
  return argumentScopes && ((args) => listScopes(argumentScopes(args)));
}

const ACCOUNT_TYPES: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription', 'Account']);

/** Whether a credential that is restricted to chatbots may select a field. */
export function allowsRestricted(type: GraphQLNamedType, field: GraphQLField<unknown, unknown>): boolean {
  if (!ACCOUNT_TYPES.has(type.name) || isLeafType(getNamedType(field.type))) return true;
  return optionsOf(field).allowsRestricted ?? field.args.some(({ type: argument }) => requiresId(argument));
}

function requiresId(type: GraphQLInputType): boolean {
  if (!isNonNullType(type)) return false;
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return named.name === 'ID';
  return Object.values(named.getFields()).some((field) => requiresId(field.type));
}

/** The argument by which a session token may select a root field; undefined if it has none. */
export const sessionTargetOf = (field: ScopedField): SessionTarget | undefined => optionsOf(field).sessionTarget;

/** Whether a session token may select a field of a type that it can reach. */
export const allowsSessions = (field: ScopedField): boolean =>
  optionsOf(field).sessions === true || sessionTargetOf(field) !== undefined;

const optionsOf = ({ extensions }: ScopedField): ScopeOptions => (extensions.pothosOptions ?? {}) as ScopeOptions;

function listScopes(rule: ScopeRule | undefined): readonly Scope[] {
  if (rule === undefined) return [];
  const map: ScopeMap = '$any' in rule ? rule.$any : (rule as ScopeMap);
  return SCOPES.filter((scope) => map[scope]);
}
