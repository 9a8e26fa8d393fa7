import { hash } from 'node:crypto';
import type { TestGateway } from '../helpers/gateway.ts';
import { mutate } from '../schema/support.ts';

/** A pushed version of a manifest. */
export interface PushedManifest {
  readonly id: string;
  readonly version: number;
}

/** The id that every document has. */
export const idOf = (document: string): string => `sha256:${hash('sha256', document)}`;

/** Pushes documents, of which each is a text or has an id of its own, under a name. */
export async function push(
  gateway: TestGateway,
  documents: readonly (string | { documentId: string; document: string })[],
  name = 'web',
): Promise<PushedManifest> {
  const { manifest } = await mutate<{ manifest: PushedManifest }>(
    gateway,
    'pushOperations',
    { name, documents: documents.map((each) => (typeof each === 'string' ? { document: each } : each)) },
    { selection: 'manifest { id version }' },
  );
  return manifest;
}

/** Creates a key that may run only the documents of manifests. */
export async function createPersistedOnlyKey(gateway: TestGateway): Promise<{ id: string; key: string }> {
  const { apiKey, key } = await mutate<{ apiKey: { id: string }; key: string }>(
    gateway,
    'createApiKey',
    { name: 'Front end', persistedOnly: true },
    { selection: 'key apiKey { id }' },
  );
  return { id: apiKey.id, key };
}
