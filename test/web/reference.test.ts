import { describe, expect, it } from 'vitest';
import { createReference } from '../../src/web/reference.ts';

const reference = createReference();
const get = async (path: string) => reference.request(path);

describe('the REST reference', () => {
  it.each(['/docs', '/docs/'])('is a page at %s', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=UTF-8');
  });

  it('has everything that its page names', async () => {
    const html = await (await get('/docs')).text();
    const paths = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(paths).toEqual(['/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/docs/start.js']);
    for (const path of paths) {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('Content-Type')).toMatch(/^text\/(css|javascript); charset=utf-8$/);
    }
  });

  it('describes the API of this gateway', async () => {
    expect(await (await get('/docs/start.js')).text()).toContain("url: '/v1/openapi.json'");
  });

  it('lets the browser ask no other host', async () => {
    const policy = (await get('/docs')).headers.get('Content-Security-Policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toMatch(/https?:|\*/);
  });

  it.each(['/docs/package.json', '/docs/..%2fpackage.json', '/docs/swagger-ui.js'])('keeps %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });
});
