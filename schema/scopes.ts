import type { FieldNullability, InputFieldMap, InputShapeFromFields, SchemaTypes, TypeParam } from '@pothos/core';
import type { GraphQLField } from 'graphql';
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
    }
  }
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

const optionsOf = ({ extensions }: ScopedField): ScopeOptions => (extensions.pothosOptions ?? {}) as ScopeOptions;

function listScopes(rule: ScopeRule | undefined): readonly Scope[] {
  if (rule === undefined) return [];
  const map: ScopeMap = '$any' in rule ? rule.$any : (rule as ScopeMap);
  return SCOPES.filter((scope) => map[scope]);
}
