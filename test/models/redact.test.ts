import { describe, expect, it } from 'vitest';
import { createRedact } from '../../src/models/redact.ts';

const KEY = 'f/oo+bar.Pa55=word';

describe('createRedact', () => {
  it.each([
    ['unchanged', KEY],
    ['in upper case', KEY.toUpperCase()],
    ['in a URL', encodeURIComponent(KEY)],
    ['as base64', Buffer.from(KEY).toString('base64')],
    ['as base64 for URLs', Buffer.from(KEY).toString('base64url')],
    ['in JSON', JSON.stringify(`"${KEY}"`)],
  ])('removes a key %s', (_, form) => {
    expect(createRedact([KEY])(`The header was ${form}, which is wrong.`)).not.toContain(form);
    expect(createRedact([KEY])(`The header was ${form}, which is wrong.`)).toMatch(/^The header was .*\[redacted\]/);
  });

  it.each([
    'sk-proj-abc123def456',
    'sk-ab***************xyz',
    'AIzaSyA-1234567890abcdefghij',
    'xai-1234567890abcdef',
    'ic_0123456789abcdef',
    'Bearer eyJhbGciOi.J9.x',
    'Basic dXNlcjpwYXNz',
    'key=hunter2',
    'api_key: "hunter2"',
    'https://user:hunter2@models.example/v1',
    '0123456789abcdef0123456789abcdef0123456789abcdef',
  ])('removes a text that looks like a key: %s', (text) => {
    const redacted = createRedact([undefined])(`It said ${text} and more.`);
    expect(redacted).toContain('[redacted]');
    expect(redacted).toMatch(/^It said .* and more\.$/);
    expect(redacted).not.toMatch(/hunter2|abc123|xyz|SyA|12345|eyJh|dXNl|0123/);
  });

  it('keeps other text, on one line of at most 240 characters', () => {
    const redact = createRedact(['x', undefined, '']);
    expect(redact('404 model_not_found:\n  The model `gpt-x` does not exist (req_011CSHoEeqs5).\0')).toBe(
      '404 model_not_found: The model `gpt-x` does not exist (req_011CSHoEeqs5).',
    );
    expect(redact('long '.repeat(100_000)).length).toBeLessThanOrEqual(240);
  });

  it('removes a key that crosses the length limit', () => {
    const redact = createRedact([KEY]);
    for (let at = 180; at < 260; at++) expect(redact('.'.repeat(at) + KEY)).not.toContain(KEY.slice(0, 3));
  });
});
