import type { FieldNullability, InputFieldMap, SchemaTypes, TypeParam } from '@pothos/core';
import type { GraphQLField } from 'graphql';
import { SCOPES, type Scope } from '../src/domain/entities.ts';

type ScopeMap = { readonly [Name in Scope]?: true };

/** The scopes that a field needs: one, or any of several. */
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
       * The scopes of which a credential needs one to select the field; absent: none. Whoever executes a document checks
       * it before anything runs, by the document alone: resolvers cost nothing for it.
       */
      authScopes?: ScopeRule;
    }
  }
}

/** What visitors and people have said, and what belongs to it. A credential that only manages reads none of it. */
export const CONTENT = { $any: { READ: true, CHAT: true } } as const satisfies ScopeRule;

/** The scopes of which one is enough to select a field; empty where every credential may. */
export function scopesOf(field: Pick<GraphQLField<unknown, unknown>, 'extensions'>): readonly Scope[] {
  const { authScopes } = (field.extensions.pothosOptions ?? {}) as { authScopes?: ScopeRule };
  if (authScopes === undefined) return [];
  const map: ScopeMap = '$any' in authScopes ? authScopes.$any : (authScopes as ScopeMap);
  return SCOPES.filter((scope) => map[scope]);
}
