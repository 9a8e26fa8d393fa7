import type { Timestamp } from './time.ts';

/** The name of the manifest that the gateway contains: the documents of its own chat page. */
export const BUILT_IN_MANIFEST = 'chat';

/** A list of documents that a front end sends by their ids: one version of those with the same name. */
export interface OperationManifest {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** 1 for the first version of the name, then one more for each push that changes it. */
  readonly version: number;
  readonly createdAt: Timestamp;
  /** The time from which the documents of this version no longer run; null: they run for ever. */
  readonly retiresAt: Timestamp | null;
}

/** A document of a manifest. */
export interface Operation {
  readonly id: string;
  readonly accountId: string;
  readonly manifestId: string;
  /** The id by which clients send the document, unique within the manifest. */
  readonly documentId: string;
  /** The SHA-256 of the document, in hexadecimal digits. */
  readonly hash: string;
  /** The name of the operation; null if it has none. */
  readonly name: string | null;
  readonly document: string;
  /** The cost with the defaults of the variables. */
  readonly cost: number;
  readonly isTool: boolean;
  readonly lastUsedAt: Timestamp | null;
}

/** The prefix of the id that every document has: `sha256:` and the SHA-256 of its text. */
const HASH_PREFIX = 'sha256:';

/** The id of a document by its SHA-256. */
export const toHashId = (hash: string): string => `${HASH_PREFIX}${hash}`;

/** The SHA-256 in an id; undefined for any other id. */
export function hashInId(documentId: string): string | undefined {
  return documentId.startsWith(HASH_PREFIX) ? documentId.slice(HASH_PREFIX.length) : undefined;
}

/** The maximum number of documents of a manifest. */
export const MAX_DOCUMENTS = 1_000;

/** The maximum number of documents of an account in all versions that have not retired. */
export const MAX_ACCOUNT_DOCUMENTS = 20_000;

/** The maximum length of a document. */
export const MAX_DOCUMENT_CHARS = 50_000;
