import type { Scope } from '../domain/entities.ts';

/** The properties of a viewer that determine which data the viewer may see. */
interface View {
  readonly accountId: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly session?: { readonly tokenId: string } | undefined;
  readonly chatbotIds?: ReadonlySet<string> | undefined;
}

/** Returns a cache key for the data that a viewer may see: viewers with equal keys may see the same data. */
export function viewKeyOf({ accountId, scopes, session, chatbotIds }: View): string {
  const chatbots = chatbotIds === undefined ? '' : ` ${[...chatbotIds].sort().join()}`;
  return `${accountId} ${[...scopes].sort().join()} ${session?.tokenId ?? ''}${chatbots}`;
}
