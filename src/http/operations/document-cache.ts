import type { DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';

/** Parsed documents by their texts. Documents that clients send never displace those of manifests. */
export interface DocumentCache {
  get(text: string): DocumentNode | undefined;
  set(text: string, document: DocumentNode): void;
  /** Keeps a cached document as one of a manifest. */
  keep(document: DocumentNode): void;
}

/** The keys are texts, so their total length is bounded. */
const MAX_CHARS = 4_000_000;

const storedDocuments = new WeakSet<DocumentNode>();

/** Whether a parsed document is one of a manifest. */
export const isStoredDocument = (document: DocumentNode): boolean => storedDocuments.has(document);

/** Creates the cache of one process. */
export function createDocumentCache(): DocumentCache {
  const create = () =>
    new LRUCache<string, DocumentNode>({ maxSize: MAX_CHARS, sizeCalculation: (_document, text) => text.length + 1 });
  const [sent, stored] = [create(), create()];
  return {
    get: (text) => stored.get(text) ?? sent.get(text),
    set: (text, document) => void sent.set(text, document),
    keep(document) {
      const text = document.loc?.source.body;
      if (text === undefined || storedDocuments.has(document)) return;
      storedDocuments.add(document);
      stored.set(text, document);
      sent.delete(text);
    },
  };
}
