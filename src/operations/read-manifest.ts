import { z } from 'zod';
import { StartupError } from '../domain/errors.ts';
import type { PushedDocument } from './push-operations.ts';

/** The manifest that Apollo's `generate-persisted-query-manifest` writes. */
const apolloManifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string(), body: z.string() })),
});

/** The map from ids to documents that the compiler of Relay and the client preset of GraphQL Code Generator write. */
const documentsById = z.record(z.string(), z.string());

/**
 * Reads the documents in a file of a front end's build.
 * @param text the content of the file.
 * @throws StartupError for a file in another format.
 */
export function readManifest(text: string): PushedDocument[] {
  const content = parseJson(text);
  const apollo = apolloManifest.safeParse(content);
  if (apollo.success) return apollo.data.operations.map(({ id, body }) => ({ documentId: id, document: body }));
  const byId = documentsById.safeParse(content);
  if (byId.success) return Object.entries(byId.data).map(([documentId, document]) => ({ documentId, document }));
  throw new StartupError(
    'The file must be a manifest of Apollo (version 1), or a JSON object from ids to documents, as Relay and GraphQL Code Generator write it.',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new StartupError('The file is not JSON.');
  }
}
