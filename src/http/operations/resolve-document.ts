import { hash } from 'node:crypto';
import type { DocumentNode } from 'graphql';
import { findOperationsRule, type OperationsRule } from '../../access/operations-rule.ts';
import type { Viewer } from '../../access/viewer.ts';
import type { Deps } from '../../deps.ts';
import {
  BadUserInputError,
  OperationNotAllowedError,
  PersistedQueryNotFoundError,
  PersistedQueryNotSupportedError,
  UnauthenticatedError,
} from '../../domain/errors.ts';
import { isJsonObject } from '../../domain/json.ts';
import { BUILT_IN_MANIFEST, hashInId } from '../../domain/operations.ts';
import { CHAT_DOCUMENTS } from '../../operations/documents.ts';
import { createDocumentCache, type DocumentCache } from './document-cache.ts';
import { createRegisteredDocuments } from './registered-documents.ts';

/** The parameters of a request that determine its document. An empty text counts as absent. */
export interface DocumentParameters {
  readonly query?: string | undefined;
  readonly documentId?: string | undefined;
  readonly extensions?: unknown;
}

/** The document of a request. */
export interface ResolvedDocument {
  readonly text: string;
  /** To be called when the document has passed all checks. */
  readonly onChecked?: (document: DocumentNode) => void;
}

/**
 * Finds the document of a request: its text, or a document that the viewer may run by an id. A viewer that may run only
 * the documents of a manifest may also send their texts.
 * @throws BadUserInputError, OperationNotAllowedError, PersistedQueryNotFoundError, PersistedQueryNotSupportedError,
 * UnauthenticatedError for an id without a viewer, StorageUnavailableError
 */
export type ResolveDocument = (viewer: Viewer | undefined, parameters: DocumentParameters) => Promise<ResolvedDocument>;

/** The documents of one process. */
export interface Documents {
  readonly resolve: ResolveDocument;
  readonly documentCache: DocumentCache;
}

/** Creates the documents of one process. */
export function createDocuments({ operations }: Pick<Deps, 'operations'>): Documents {
  const documentCache = createDocumentCache();
  const registered = createRegisteredDocuments();
  const onChecked = (document: DocumentNode) => documentCache.keep(document);
  const findRule = (viewer: Viewer) => findOperationsRule(viewer, operations.findSessionOperations);

  /** Finds a document of the manifests that the viewer may use. */
  async function findStored(
    { accountId }: Viewer,
    { manifest }: OperationsRule,
    id: string,
  ): Promise<ResolvedDocument | undefined> {
    if (!DOCUMENT_ID.test(id)) return undefined;
    if (manifest !== BUILT_IN_MANIFEST) {
      const operation = await operations.find(accountId, manifest, id);
      if (operation) {
        return {
          text: operation.document,
          onChecked(document) {
            onChecked(document);
            operations.recordUse(operation.id);
          },
        };
      }
    }
    if (manifest !== undefined && manifest !== BUILT_IN_MANIFEST) return undefined;
    const text = BUILT_IN_DOCUMENTS.get(hashInId(id) ?? id);
    return text === undefined ? undefined : { text, onChecked };
  }

  async function findById(viewer: Viewer, rule: OperationsRule, id: string): Promise<ResolvedDocument> {
    const stored = await findStored(viewer, rule, id);
    if (stored) return stored;
    if (!rule.allowsAny) throw new OperationNotAllowedError();
    const text = registered.find(viewer.accountId, hashInId(id) ?? id);
    if (text === undefined) throw new PersistedQueryNotFoundError();
    return { text };
  }

  /** Registers a document, unless its hash is wrong or is the id of another document. */
  async function resolveRegistration(
    viewer: Viewer,
    rule: OperationsRule,
    { text, id }: { text: string; id: string },
  ): Promise<ResolvedDocument> {
    const digest = hash('sha256', text);
    if (digest !== id) {
      const stored = await findStored(viewer, rule, id);
      if (stored?.text === text) return stored;
      // The message of Apollo Server.
      throw new BadUserInputError('provided sha does not match query');
    }
    return { text, onChecked: () => registered.register(viewer.accountId, digest, text) };
  }

  return {
    documentCache,

    async resolve(viewer, parameters) {
      const { query, documentId, persistedQuery } = readParameters(parameters);
      const id = documentId ?? persistedQuery;
      if (query === undefined) {
        if (id === undefined) throw new BadUserInputError('`query` must be a string.');
        if (viewer === undefined) throw new UnauthenticatedError();
        return findById(viewer, await findRule(viewer), id);
      }
      if (viewer === undefined) return { text: query };
      const rule = await findRule(viewer);
      if (!rule.allowsAny) return findById(viewer, rule, hash('sha256', query));
      if (persistedQuery === undefined) return { text: query };
      return resolveRegistration(viewer, rule, { text: query, id: persistedQuery });
    },
  };
}

const DOCUMENT_ID = /^[A-Za-z0-9:_-]{1,128}$/;

/** The documents of the built-in manifest by their hashes. */
const BUILT_IN_DOCUMENTS: ReadonlyMap<string, string> = new Map(
  CHAT_DOCUMENTS.map(({ hash: digest, document }) => [digest, document]),
);

/** @throws BadUserInputError, PersistedQueryNotSupportedError */
function readParameters({ query, documentId, extensions }: DocumentParameters) {
  const named = documentId ?? readDocumentId(extensions);
  const persistedQuery = readPersistedQuery(extensions);
  if (query !== undefined && named !== undefined) {
    throw new BadUserInputError('Send `query` or `documentId`, not both.');
  }
  return { query, documentId: named, persistedQuery };
}

/** The id of a document in the extensions, where clients of WebSockets may put it. */
function readDocumentId(extensions: unknown): string | undefined {
  const { documentId } = isJsonObject(extensions) ? extensions : {};
  if (documentId == null || documentId === '') return undefined;
  if (typeof documentId !== 'string') throw new BadUserInputError('`extensions.documentId` must be a string.');
  return documentId;
}

/** The hash of Apollo's protocol; undefined for a request that does not use it. */
function readPersistedQuery(extensions: unknown): string | undefined {
  const { persistedQuery } = isJsonObject(extensions) ? extensions : {};
  if (persistedQuery == null) return undefined;
  if (!isJsonObject(persistedQuery)) throw new BadUserInputError('`extensions.persistedQuery` must be an object.');
  const { version, sha256Hash } = persistedQuery;
  if (version !== 1) throw new PersistedQueryNotSupportedError();
  if (typeof sha256Hash !== 'string' || !DOCUMENT_ID.test(sha256Hash)) {
    throw new BadUserInputError('`extensions.persistedQuery.sha256Hash` must be the SHA-256 of a document.');
  }
  return sha256Hash;
}
