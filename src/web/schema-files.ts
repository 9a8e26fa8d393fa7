import { readFile } from 'node:fs/promises';
import { prepareStaticDocument, type StaticDocument } from './static-resources.ts';

/** A file that describes a schema to tools, at the path `/graphql/<name>`. */
interface SchemaFile {
  readonly path: string;
  prepare(): Promise<StaticDocument>;
}

// Browsers show plain text, but would download GraphQL.
const SDL_TYPE = 'text/plain; charset=utf-8';

/** The files that `npm run codegen` writes beside the schema. */
export const SCHEMA_FILES: readonly SchemaFile[] = [
  createSchemaFile('schema.graphql', SDL_TYPE),
  createSchemaFile('webhooks.graphql', SDL_TYPE),
  createSchemaFile('possible-types.json', 'application/json'),
  createSchemaFile('graphcache-keys.json', 'application/json'),
];

function createSchemaFile(name: string, type: string): SchemaFile {
  return {
    path: `/graphql/${name}`,
    prepare: async () =>
      prepareStaticDocument(type, await readFile(new URL(`../../schema/${name}`, import.meta.url), 'utf8')),
  };
}
