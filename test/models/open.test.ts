import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { FAMILIES } from '../../src/models/families.ts';
import { createLimitedFetch } from '../../src/models/limited-fetch.ts';
import { findPort } from '../helpers/network.ts';
import { yieldToEventLoop } from '../helpers/random.ts';
import { connect, openLine, readAll } from './support.ts';

const BROKEN = { refusal: 'broken', headers: { 'retry-after-ms': '0' } } as const;

describe('opening a model', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });

  it.each(PROVIDERS)('calls the default model of %s when none is named', async (provider) => {
    const { vendor, open, outcomes } = await openLine(provider);
    const { defaultModel } = FAMILIES[provider];
    const { stream, code } = await readAll(open({ model: null }));
    expect(code).toBe(defaultModel === null ? 'PROVIDER_MISCONFIGURED' : undefined);
    expect(stream?.model ?? null).toBe(defaultModel);
    expect(outcomes).toMatchObject([{ model: defaultModel }]);
    const [request] = vendor.requests;
    if (defaultModel !== null) expect(request?.path + JSON.stringify(request?.body)).toContain(defaultModel);
  });

  it.each(PROVIDERS)('calls nothing without a key for %s, whatever the environment contains', async (provider) => {
    for (const name of ['OPENAI', 'ANTHROPIC', 'GOOGLE_GENERATIVE_AI', 'XAI', 'DEEPSEEK'])
      vi.stubEnv(`${name}_API_KEY`, 'the-key-of-somebody-else');
    const { vendor, open, access } = await openLine(provider);
    access.set('account', { apiKey: undefined });
    const { code } = await readAll(open());
    expect(code).toBe(provider === 'open' ? undefined : 'PROVIDER_MISCONFIGURED');
    expect(vendor.requests).toHaveLength(provider === 'open' ? 1 : 0);
    expect(JSON.stringify(vendor.requests)).not.toContain('authorization');
  });

  it('reads no address from the environment', async () => {
    const { vendor, open, access } = await openLine('openai');
    vi.stubEnv('OPENAI_BASE_URL', vendor.url);
    const requestedUrls: string[] = [];
    const fetch: typeof globalThis.fetch = async (input) => {
      requestedUrls.push(String(input));
      return Response.json({ error: { message: 'no', type: 'invalid_request_error' } }, { status: 400 });
    };
    access.set('account', { baseUrl: undefined, fetch });
    await readAll(open());
    expect(requestedUrls).toEqual([`${FAMILIES.openai.baseUrl}/responses`]);
    expect(vendor.requests).toEqual([]);
  });

  it('calls nothing when a provider is unknown, not configured or without an address', async () => {
    const { vendor, open, access } = await openLine('open');
    expect((await readAll(open({ provider: 'nobody' }))).code).toBe('PROVIDER_MISCONFIGURED');
    access.set('account', { baseUrl: undefined });
    expect((await readAll(open())).code).toBe('PROVIDER_MISCONFIGURED');
    access.set('account', undefined);
    expect((await readAll(open())).code).toBe('PROVIDER_MISCONFIGURED');
    expect(vendor.requests).toEqual([]);
  });

  it('distinguishes a closed port from a server that does not speak the protocol', async () => {
    const port = await findPort();
    expect((await readAll(connect('open', { url: `http://127.0.0.1:${port}/v1` }).open())).code).toBe(
      'PROVIDER_UNAVAILABLE',
    );
    const odd = createServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const { port: mail } = odd.address() as AddressInfo;
    expect((await readAll(connect('open', { url: `http://127.0.0.1:${mail}/v1` }).open())).code).toBe(
      'PROVIDER_UNAVAILABLE',
    );
    odd.close();
  });

  it('does not follow a redirect with its key', async () => {
    const { vendor } = await openLine('anthropic');
    const moved = createHttpServer((_, response) =>
      response.writeHead(307, { location: `${vendor.url}/messages` }).end(),
    );
    onTestFinished(() => void moved.close());
    await once(moved.listen(0, '127.0.0.1'), 'listening');
    const { port } = moved.address() as AddressInfo;
    const { code } = await readAll(connect('anthropic', { url: `http://127.0.0.1:${port}/v1` }).open());
    expect([code, vendor.requests]).toEqual(['PROVIDER_MISCONFIGURED', []]);
  });

  it('retries when the stream breaks off before the first step', async () => {
    const { vendor, open } = await openLine('anthropic');
    vendor.reply({ mishap: 'ended' }, { mishap: 'reset' }, { text: ['Here.'] });
    expect((await readAll(open())).text).toBe('Here.');
    expect(vendor.requests).toHaveLength(3);
  });

  it('stops waiting for a retry when it is aborted, and reports no outcome', async () => {
    const { vendor, open, outcomes } = await openLine('openai');
    vendor.reply({ refusal: 'limit', headers: { 'retry-after': '9' } });
    const stop = new AbortController();
    const answer = readAll(open({}, stop.signal));
    await vi.waitFor(() => expect(vendor.requests).toHaveLength(1));
    setTimeout(() => stop.abort(), 50);
    const startedAt = performance.now();
    expect((await answer).failure).toBeInstanceOf(Error);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(outcomes).toEqual([]);
  });

  it('does not call a model that failed five times in a row, and then probes it once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { vendor, open, outcomes } = await openLine('qwen', { timeoutMs: 60_000 });
    vendor.reply(BROKEN);
    for (let count = 0; count < 5; count++) expect((await readAll(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect(vendor.requests).toHaveLength(15);

    expect((await readAll(open())).failure).toMatchObject({ message: expect.stringContaining('too often') });
    expect(vendor.requests).toHaveLength(15);
    expect(outcomes).toHaveLength(5);

    vi.advanceTimersByTime(30_001);
    vendor.reply({ text: ['Well again.'], paceMs: 20 });
    const [probe, beside] = await Promise.all([readAll(open()), readAll(open())]);
    expect([probe.text, beside.code]).toEqual(['Well again.', 'PROVIDER_UNAVAILABLE']);
    expect((await readAll(open())).text).toBe('Well again.');
  });

  it('counts streams that break off as failures of a model, but not refusals', async () => {
    const { vendor, open } = await openLine('deepseek');
    vendor.reply({ refusal: 'key' });
    for (let count = 0; count < 6; count++) expect((await readAll(open())).code).toBe('PROVIDER_MISCONFIGURED');
    vendor.reply({ text: ['a', 'b'], mishap: 'ended', paceMs: 20 });
    const cut = await Promise.all(Array.from({ length: 5 }, () => open()));
    for (const stream of cut) expect((await readAll(Promise.resolve(stream))).text).toBe('a');
    expect((await readAll(open())).failure).toMatchObject({ message: expect.stringContaining('too often') });
    expect(vendor.requests).toHaveLength(11);
  });

  it('opens the circuit of the failing model only, not of others with the same credentials', async () => {
    const { vendor, open } = await openLine('open');
    vendor.reply(BROKEN);
    for (let count = 0; count < 5; count++) await readAll(open({ model: 'does-not-load' }));
    vendor.reply({ text: ['Well.'] });
    expect((await readAll(open({ model: 'does-not-load' }))).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readAll(open())).text).toBe('Well.');
  });

  it('closes the circuit as soon as a model starts to answer', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { vendor, open } = await openLine('open', { timeoutMs: 60_000 });
    vendor.reply(BROKEN);
    for (let count = 0; count < 5; count++) await readAll(open());
    vi.advanceTimersByTime(30_001);
    vendor.reply({ text: ['Well', ' again.'], mishap: 'stuck' });
    const probe = await open();
    const beside = await open();
    expect(await beside.next()).toEqual({ type: 'text', text: 'Well' });
    for (const stream of [probe, beside]) stream.close();
  });

  it('calls a model once for a test, even with an open circuit, which a success closes', async () => {
    const { vendor, open, outcomes } = await openLine('open');
    vendor.reply(BROKEN);
    for (let count = 0; count < 5; count++) expect((await readAll(open({ isTest: true }))).code).toBeDefined();
    expect(vendor.requests).toHaveLength(5);
    for (let count = 0; count < 5; count++) await readAll(open());
    expect(vendor.requests).toHaveLength(20);
    expect((await readAll(open({ isTest: true }))).code).toBe('PROVIDER_UNAVAILABLE');
    expect(vendor.requests).toHaveLength(21);
    vendor.reply({ text: ['Well again.'] });
    expect((await readAll(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readAll(open({ isTest: true }))).text).toBe('Well again.');
    expect((await readAll(open())).text).toBe('Well again.');
    expect(outcomes.at(-1)).toMatchObject({ failure: null });
  });

  it("keeps one account's failing server from opening another account's circuit", async () => {
    const { vendor, open, access } = await openLine('open');
    access.set('other', {});
    vendor.reply(BROKEN);
    for (let count = 0; count < 5; count++) await readAll(open());
    vendor.reply({ text: ['Well.'] });
    expect((await readAll(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readAll(open({ accountId: 'other' }))).text).toBe('Well.');
  });

  it.each(PROVIDERS)('reuses the connection of one answer of %s for the next', async (provider) => {
    const { vendor, open } = await openLine(provider);
    vendor.reply({ text: ['Hello', ' world'], paceMs: 2 });
    for (let count = 0; count < 3; count++) {
      const { stream, text } = await readAll(open());
      stream?.close();
      expect(text).toBe('Hello world');
      await vi.waitFor(() => expect(vendor.underWay).toBe(0));
      // A connection becomes free one event loop turn after the end of its response.
      await yieldToEventLoop(10);
    }
    expect(new Set(vendor.requests.map(({ port }) => port)).size).toBe(1);
  });

  it.each([
    ['openai', 'gpt-6-luna', '"summary":"auto"'],
    ['anthropic', 'claude-haiku-5-5', '"thinking":{"type":"adaptive"'],
    ['google', 'gemini-3.8-flash', '"includeThoughts":true'],
  ] as const)('requests reasoning of %s only if it is shown', async (provider, model, requestedUrls) => {
    const { vendor, open } = await openLine(provider);
    await readAll(open({ model }));
    await readAll(open({ model, showsReasoning: true }));
    const bodies = vendor.requests.map(({ body }) => JSON.stringify(body));
    expect(bodies.map((body) => body.includes(requestedUrls))).toEqual([false, true]);
  });

  it.each([
    ...['claude-haiku-5-5', 'claude-sonnet-5', 'claude-opus-4-8', 'claude-sonnet-4-6', 'claude-next-7'],
    ...[
      'claude-haiku-4-5',
      'claude-haiku-4-5-20251001',
      'claude-opus-4-1',
      'claude-sonnet-4-20250514',
      'behind-a-proxy',
    ],
  ])('gives %s a reasoning budget within the output limit, or none if the limit is too small', async (model) => {
    const { vendor, open } = await openLine('anthropic');
    for (const maxOutputTokens of [16, 1_500, 4_096]) {
      await readAll(open({ model, maxOutputTokens, showsReasoning: true }));
      const body = vendor.requests.at(-1)?.body;
      expect(body.max_tokens).toBe(maxOutputTokens);
      const isAdaptive = /claude-(?:\w+-5|opus-4-8|sonnet-4-6|next)/.test(model);
      const budget = maxOutputTokens < 2_048 ? undefined : { type: 'enabled', budget_tokens: 1_024 };
      expect(body.thinking).toEqual(isAdaptive ? { type: 'adaptive', display: 'summarized' } : budget);
    }
  });

  it.each(['openai', 'xai'] as const)('tells %s to store nothing', async (provider) => {
    const { vendor, open } = await openLine(provider);
    await readAll(open());
    expect(vendor.requests[0]?.body).toMatchObject({ store: false });
  });

  it('reads a response only up to its limits', async () => {
    const limits = { maxBytes: 99, maxEventBytes: 20, maxErrorBytes: 30 };
    const read = async (text: string, status = 200) => {
      const response = await createLimitedFetch(async () => new Response(text, { status }), limits)('http://a.example');
      return [response.status, await response.text()];
    };
    const events = `${'x'.repeat(18)}\n\nab\r\ncd\r\n\r\n${'y\n'.repeat(9)}\n`;
    expect(await read(events, 201)).toEqual([201, events]);
    expect(await read('x'.repeat(20), 500)).toEqual([500, 'x'.repeat(20)]);
    await expect(read('x'.repeat(21))).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await expect(read('y\n'.repeat(11))).rejects.toThrow('An event is longer than 20 bytes.');
    await expect(read('x\n\n'.repeat(11), 500)).rejects.toThrow('longer than 30 bytes');
    await expect(read('x\n\n'.repeat(34))).rejects.toThrow('longer than 99 bytes');
  });
});
