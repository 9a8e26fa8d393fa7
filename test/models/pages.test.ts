import { readFileSync } from 'node:fs';
import { buildSchema, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { FAILURES } from '../../src/domain/failures.ts';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { FAMILIES } from '../../src/models/families.ts';
import { SETTINGS } from '../../src/settings.ts';

const readFile = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SCHEMA = buildSchema(readFile('schema/schema.graphql'));
/** Words in capitals that are neither settings nor failure codes: finish reasons, and providers' own terms. */
const OTHER_TERMS = [
  'CONTENT_FILTER',
  'LENGTH',
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'OTHER',
];
const KNOWN_TERMS = [
  ...Object.keys(SETTINGS.shape),
  ...Object.keys(FAILURES),
  ...OTHER_TERMS,
  'MALFORMED_FUNCTION_CALL',
];

describe.each(PROVIDERS)('docs/models/%s.md', (provider) => {
  const page = readFile(`docs/models/${provider}.md`);
  const { defaultModel, baseUrl } = FAMILIES[provider];

  it('names the default model and base URL, and only existing settings and failure codes', () => {
    if (defaultModel !== null) expect(page).toContain(`| default model | \`${defaultModel}\``);
    if (baseUrl !== null) expect(page).toContain(`\`${baseUrl}\``);
    const names = [...page.matchAll(/`([A-Z][A-Z_]{3,})`/g)].map(([, name]) => name);
    expect(names.filter((name) => !KNOWN_TERMS.includes(name ?? ''))).toEqual([]);
    expect(names.filter((name) => /_API_KEY$|_BASE_URL$/.test(name ?? '')).length).toBeGreaterThanOrEqual(2);
  });

  it('contains a valid mutation', () => {
    const [, mutation = ''] = /```graphql\n([\s\S]*?)```/.exec(page) ?? [];
    expect(mutation).toContain(`provider: "${provider}"`);
    expect(validate(SCHEMA, parse(mutation))).toEqual([]);
  });
});
