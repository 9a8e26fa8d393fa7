import { expect, it } from 'vitest';
import { findPrefixes } from '../../src/models/embedding-prefixes.ts';

it.each([
  ['text-embedding-3-small', '', ''],
  ['intfloat/e5-small-v2', 'passage: ', 'query: '],
  ['Multilingual-E5-Large', 'passage: ', 'query: '],
  ['multilingual-e5-large-instruct', '', 'Instruct: '],
  ['nomic-embed-text:latest', 'search_document: ', 'search_query: '],
  ['Qwen/Qwen3-Embedding-0.6B', '', 'Instruct: '],
  ['embeddinggemma:300m', 'title: none | text: ', 'task: search result | query: '],
  ['snowflake-arctic-embed2', '', 'query: '],
  ['Snowflake/snowflake-arctic-embed-l-v2.0', '', 'query: '],
  ['snowflake-arctic-embed:22m', '', 'Represent this sentence'],
  ['BAAI/bge-small-en-v1.5', '', 'Represent this sentence'],
  ['BAAI/bge-m3', '', ''],
])('sends %s the prefixes of its model card', (model, passage, query) => {
  const prefixes = findPrefixes(model);
  expect(prefixes.passage).toBe(passage);
  expect(prefixes.query.startsWith(query) && (query !== '' || prefixes.query === '')).toBe(true);
});
