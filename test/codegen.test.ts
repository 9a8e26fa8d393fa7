import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedFile, generateFiles } from '../codegen.ts';

describe('codegen', () => {
  let files: GeneratedFile[];
  beforeAll(async () => {
    files = await generateFiles();
  });

  it.each(['schema/schema.graphql', 'src/dialects/rest/documents.ts', 'src/web/chat/documents.ts'])(
    'has %s up to date',
    async (path) => {
      const committed = await readFile(new URL(`../${path}`, import.meta.url), 'utf8');
      expect(files.find((file) => file.path === path)?.content).toBe(committed);
    },
  );

  it('prints a sorted schema with descriptions and one newline at the end', () => {
    const sdl = files[0]?.content ?? '';
    expect(sdl).toMatch(/"""The credential of this request\."""\ntype Viewer \{/);
    expect(sdl).toMatch(/[^\n]\n$/);
    const types = [...sdl.matchAll(/^(?:type|enum|input|interface|scalar|union) (\w+)/gm)].map(([, name]) => name);
    expect(types).toEqual(types.toSorted((a = '', b = '') => a.localeCompare(b, 'en')));
  });
});
