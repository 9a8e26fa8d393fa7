import { parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import { schema, webhookSchema } from '../../../schema/index.ts';
import { graphiqlOptions } from '../../../src/http/graphiql/tabs.ts';

const TABS = (graphiqlOptions.defaultTabs ?? []).map(({ query, variables }) => ({
  query: query ?? '',
  variables: JSON.parse(variables ?? '{}') as Readonly<Record<string, unknown>>,
}));

it('the tabs of GraphiQL have operations that are valid for the schema, and a valid webhook document', () => {
  expect(TABS.length).toBeGreaterThan(5);
  for (const { query } of TABS) expect(validate(schema, parse(query)), query).toEqual([]);
  const documents = TABS.flatMap(({ variables }) =>
    typeof variables.document === 'string' ? [variables.document] : [],
  );
  expect(documents).toHaveLength(1);
  for (const document of documents) expect(validate(webhookSchema, parse(document)), document).toEqual([]);
});
