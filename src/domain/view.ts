import type { Scope } from './entities.ts';

/** Writes down what someone may see: two for whom it is the same see the same. */
export function describeView({ accountId, scopes }: { accountId: string; scopes: ReadonlySet<Scope> }): string {
  return `${accountId} ${[...scopes].sort().join()}`;
}
