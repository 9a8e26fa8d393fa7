import { parse } from 'graphql';
import { expect, it } from 'vitest';
import { createDocumentCache, isStoredDocument } from '../../../src/http/operations/document-cache.ts';

it('documents that clients send displace each other, but none of a manifest', () => {
  const cache = createDocumentCache();
  const [stored, sent] = ['query Stored { viewer { kind } }', 'query Sent { viewer { kind } }'];
  for (const text of [stored, sent]) cache.set(text, parse(text));
  const document = cache.get(stored);
  if (document === undefined) throw new Error('The document is not in the cache.');
  cache.keep(document);
  const padding = 'x'.repeat(200_000);
  for (let count = 0; count < 50; count++) cache.set(`# ${padding}\nquery Q${count} { viewer { kind } }`, parse(sent));
  expect(cache.get(sent)).toBeUndefined();
  expect(cache.get(stored)).toBe(document);
  expect(isStoredDocument(document)).toBe(true);
  expect(isStoredDocument(parse(stored))).toBe(false);
});
