import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

const NOT_400 = 'Response status code is not 400';

/** The results of the audits whose older text the released specification contradicts, each with its new sentence. */
const CONTRADICTED: Readonly<Record<string, { result: string; sentence: string }>> = {
  '86EE': {
    result: `warn: ${NOT_400}`,
    sentence:
      "If the variable values cannot be coerced to match the operation's variable definitions, status code `422` SHOULD be used.",
  },
  '423L': {
    result: `notice: ${NOT_400}`,
    sentence: 'If the request is not a well-formed GraphQL-over-HTTP request, status code `422` SHOULD be used.',
  },
};

describe('GraphQL over HTTP', () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.close());

  const audits = serverAudits({
    url: () => `${gateway.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) =>
      fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${gateway.key}` } }),
  });

  it('is tested by 61 audits', () => {
    expect(audits).toHaveLength(61);
  });

  it.each(audits.map((audit) => [audit.id, audit.name, audit] as const))('%s: %s', async (_id, _name, audit) => {
    const result = await audit.fn();
    const expected = CONTRADICTED[result.id]?.result ?? 'ok';
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe(expected);
  });
});
