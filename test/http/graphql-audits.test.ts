import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

/**
 * The audits of an older text that the released specification contradicts: a well-formed request that cannot be executed,
 * here because of its variables, has the status 422 instead of 400.
 */
const CONTRADICTED: Readonly<Record<string, string>> = {
  '86EE': 'warn: Response status code is not 400',
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
    const expected = CONTRADICTED[result.id] ?? 'ok';
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe(expected);
  });
});
