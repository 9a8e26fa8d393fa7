import type { Scope } from './entities.ts';

/** What decides what someone may see. */
interface View {
  readonly accountId: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly session?: { readonly conversationId: string } | undefined;
}

/** Writes down what someone may see: two for whom it is the same see the same. */
export function describeView({ accountId, scopes, session }: View): string {
  return `${accountId} ${[...scopes].sort().join()} ${session?.conversationId ?? ''}`;
}
