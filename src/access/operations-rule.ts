import { BUILT_IN_MANIFEST } from '../domain/operations.ts';
import type { Viewer } from './viewer.ts';

/** The documents that a viewer may run. */
export interface OperationsRule {
  /** Whether the viewer may send any document; false: only the documents of manifests. */
  readonly allowsAny: boolean;
  /** The manifest whose documents the viewer finds by their ids; undefined: every manifest of the account. */
  readonly manifest: string | undefined;
}

/** The settings of a chatbot for its sessions. */
export interface SessionOperations {
  readonly persistedOnly: boolean;
  readonly sessionOperations: string | null;
}

/**
 * Decides which documents a viewer may run. A session whose token names a manifest has only that one, as every session
 * without a key does. Any other session has the manifest of its chatbot if the chatbot is `persistedOnly`.
 * @param readChatbot reads the settings of the chatbot of a session; undefined for an unknown one.
 */
export async function findOperationsRule(
  { accountId, persistedOnly, session }: Pick<Viewer, 'accountId' | 'persistedOnly' | 'session'>,
  readChatbot: (accountId: string, chatbotId: string) => Promise<SessionOperations | undefined>,
): Promise<OperationsRule> {
  if (session === undefined) return { allowsAny: !persistedOnly, manifest: undefined };
  if (session.operations !== null) return { allowsAny: false, manifest: session.operations };
  const chatbot = await readChatbot(accountId, session.chatbotId);
  const manifest = chatbot?.sessionOperations ?? BUILT_IN_MANIFEST;
  return chatbot?.persistedOnly === false ? { allowsAny: true, manifest: undefined } : { allowsAny: false, manifest };
}
