import type { FieldNullability, InputFieldMap, SchemaTypes, TypeParam } from '@pothos/core';
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
       * executor checks the scopes of all fields of a document before any resolver runs, so resolvers check none.
       */
      authScopes?: ScopeRule;
    }
  }
}

/** The rule for the content of conversations. A credential with only `MANAGE` cannot read any of it. */
export const CONTENT_SCOPES = { $any: { READ: true, CHAT: true } } as const satisfies ScopeRule;

/** The scopes of which any one allows selecting a field; empty if every credential may select it. */
export function scopesOf(field: Pick<GraphQLField<unknown, unknown>, 'extensions'>): readonly Scope[] {
  const { authScopes } = (field.extensions.pothosOptions ?? {}) as { authScopes?: ScopeRule };
  if (authScopes === undefined) return [];
  const map: ScopeMap = '$any' in authScopes ? authScopes.$any : (authScopes as ScopeMap);
  return SCOPES.filter((scope) => map[scope]);
}
