import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generate } from '@graphql-codegen/cli';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from './schema/index.ts';

/** A file as codegen makes it. */
export interface GeneratedFile {
  /** From the root of the project. */
  readonly path: string;
  readonly content: string;
}

/** Makes what is generated and committed: the printed schema, and the typed documents of those who ask it. */
export async function generateFiles(): Promise<GeneratedFile[]> {
  const sdl = `${printSchema(lexicographicSortSchema(schema))}\n`;
  return [
    { path: 'schema/schema.graphql', content: sdl },
    { path: 'src/dialects/rest/documents.ts', content: await generateDocuments(sdl, 'src/dialects/rest') },
    // The page sends its documents as they are, and has no use for their syntax trees.
    { path: 'src/web/chat/documents.ts', content: await generateDocuments(sdl, 'src/web/chat', 'string') },
  ];
}

async function generateDocuments(sdl: string, folder: string, documentMode?: 'string'): Promise<string> {
  const files: { content: string }[] = await generate(
    {
      cwd: import.meta.dirname,
      schema: sdl,
      documents: `${folder}/operations.graphql`,
      silent: true,
      generates: {
        [`${folder}/documents.ts`]: {
          plugins: ['typescript-operations', 'typed-document-node'],
          config: {
            scalars: { DateTime: 'string', JSON: 'unknown' },
            strictScalars: true,
            useTypeImports: true,
            ...(documentMode && { documentMode, pureMagicComment: true }),
          },
        },
      },
    },
    false,
  );
  return `// Made by \`npm run codegen\` from operations.graphql.\n${files.map(({ content }) => content).join('')}\n`;
}

if (import.meta.main) {
  for (const { path, content } of await generateFiles()) {
    await writeFile(fileURLToPath(new URL(path, import.meta.url)), content);
  }
}
