import { describe, expect, it } from 'vitest';
import { toChatbot, toSource } from '../../../src/dialects/rest/mappers.ts';

const chatbot = { id: 'c', name: 'Support', slug: 'support', isActive: true, createdAt: '2026-03-15T10:30:00.123Z' };
const source = { id: 's', title: '', pageCount: 0, createdAt: '2026-03-15T10:30:00.000Z' } as const;

describe('toChatbot', () => {
  it.each([
    ['google', 'gemini'],
    ['openai', 'chatgpt'],
    ['open', 'ollama'],
    ['builtin', 'builtin'],
    ['anthropic', 'anthropic'],
    ['constructor', 'constructor'],
  ])('maps the provider %s to %s', (provider, expected) => {
    expect(toChatbot({ ...chatbot, provider }).provider).toBe(expected);
  });

  it('formats times with microseconds and an offset', () => {
    expect(toChatbot({ ...chatbot, provider: 'open' }).created_at).toBe('2026-03-15T10:30:00.123000+00:00');
  });
});

describe('toSource', () => {
  it.each([
    ['TEXT', 'text'],
    ['QA', 'qa'],
  ] as const)('maps the type %s to %s', (type, expected) => {
    expect(toSource({ ...source, type, url: null, status: 'DONE' }).type).toBe(expected);
  });

  it('returns the URL of a source, or an empty string', () => {
    const address = 'https://example.com/';
    expect(toSource({ ...source, type: 'TEXT', url: address, status: 'DONE' })).toMatchObject({ url: address });
    expect(JSON.stringify(toSource({ ...source, type: 'TEXT', url: null, status: 'FAILED' }))).toBe(
      '{"id":"s","type":"text","title":"","url":"","status":"failed","page_count":0,"created_at":"2026-03-15T10:30:00.000000+00:00"}',
    );
  });
});
