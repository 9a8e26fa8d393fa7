import { fileURLToPath } from 'node:url';
import { generate } from '@graphql-codegen/cli';
import { expect, it } from 'vitest';
import { StartupError } from '../../src/domain/errors.ts';
import { readManifest } from '../../src/operations/read-manifest.ts';
import { idOf } from './support.ts';

const DOCUMENT = 'query Kind {\n  viewer {\n    kind\n  }\n}';

it("reads Apollo's manifest", () => {
  const operations = [{ id: 'ab', name: 'Kind', type: 'query', body: DOCUMENT }];
  const file = { format: 'apollo-persisted-query-manifest', version: 1, operations };
  expect(readManifest(JSON.stringify(file))).toEqual([{ documentId: 'ab', document: DOCUMENT }]);
});

it("reads the map of Relay's compiler", () => {
  expect(readManifest(`\uFEFF${JSON.stringify({ ab: DOCUMENT, cd: '{ a }' })}`)).toEqual([
    { documentId: 'ab', document: DOCUMENT },
    { documentId: 'cd', document: '{ a }' },
  ]);
});

it('reads what the client preset of GraphQL Code Generator writes', async () => {
  const files: { filename: string; content: string }[] = await generate(
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      schema: 'type Query { viewer: Viewer! } type Viewer { kind: String! }',
      documents: DOCUMENT,
      silent: true,
      generates: { 'generated/': { preset: 'client', presetConfig: { persistedDocuments: true } } },
    },
    false,
  );
  const file = files.find(({ filename }) => filename.endsWith('persisted-documents.json'));
  const documents = readManifest(file?.content ?? '');
  const [{ document = '' } = {}] = documents;
  expect(document).toContain('query Kind');
  expect(documents).toEqual([{ documentId: idOf(document), document }]);
});

it.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['another version of Apollo', '{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}'],
  ['nested objects', '{"ab":{"body":"{ a }"}}'],
])('refuses %s', (_name, text) => {
  expect(() => readManifest(text)).toThrow(StartupError);
});
