import type { Scope } from './entities.ts';

/** What determines which data a viewer may see. */
interface View {
  readonly accountId: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly session?: { readonly conversationId: string } | undefined;
}

/** Returns a key for what a viewer may see: viewers with equal keys see the same data. */
export function describeView({ accountId, scopes, session }: View): string {
  return `${accountId} ${[...scopes].sort().join()} ${session?.conversationId ?? ''}`;
}
