import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { FAMILIES } from '../../src/models/families.ts';
import { createLimitedFetch } from '../../src/models/limited-fetch.ts';
import { findFreePort } from '../helpers/network.ts';
import { yieldToEventLoop } from '../helpers/random.ts';
import { createProviderClient, readSteps, startProviderClient } from './support.ts';

const SERVER_ERROR = { refusal: 'serverError', headers: { 'retry-after-ms': '0' } } as const;

describe('opening a model', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });

  it.each(PROVIDERS)('calls the default model of %s when the call names no model', async (provider) => {
    const { fakeProvider, open, outcomes } = await startProviderClient(provider);
    const { defaultModel } = FAMILIES[provider];
    const { stream, code } = await readSteps(open({ model: null }));
    expect(code).toBe(defaultModel === null ? 'PROVIDER_MISCONFIGURED' : undefined);
    expect(stream?.model ?? null).toBe(defaultModel);
    expect(outcomes).toMatchObject([{ model: defaultModel }]);
    const [request] = fakeProvider.requests;
    if (defaultModel !== null) expect(request?.path + JSON.stringify(request?.body)).toContain(defaultModel);
  });

  it.each(PROVIDERS)('uses no key of the environment for %s without a configured key', async (provider) => {
    for (const name of ['OPENAI', 'ANTHROPIC', 'GOOGLE_GENERATIVE_AI', 'XAI', 'DEEPSEEK'])
      vi.stubEnv(`${name}_API_KEY`, 'the-key-of-somebody-else');
    const { fakeProvider, open, credentialsByAccount } = await startProviderClient(provider);
    credentialsByAccount.set('account', { apiKey: undefined });
    const { code } = await readSteps(open());
    expect(code).toBe(provider === 'open' ? undefined : 'PROVIDER_MISCONFIGURED');
    expect(fakeProvider.requests).toHaveLength(provider === 'open' ? 1 : 0);
    expect(JSON.stringify(fakeProvider.requests)).not.toContain('authorization');
  });

  it('uses no base URL of the environment', async () => {
    const { fakeProvider, open, credentialsByAccount } = await startProviderClient('openai');
    vi.stubEnv('OPENAI_BASE_URL', fakeProvider.url);
    const requestedUrls: string[] = [];
    const fetch: typeof globalThis.fetch = async (input) => {
      requestedUrls.push(String(input));
      return Response.json({ error: { message: 'no', type: 'invalid_request_error' } }, { status: 400 });
    };
    credentialsByAccount.set('account', { baseUrl: undefined, fetch });
    await readSteps(open());
    expect(requestedUrls).toEqual([`${FAMILIES.openai.baseUrl}/responses`]);
    expect(fakeProvider.requests).toEqual([]);
  });

  it('makes no request when a provider is unknown, not configured or has no base URL', async () => {
    const { fakeProvider, open, credentialsByAccount } = await startProviderClient('open');
    expect((await readSteps(open({ provider: 'nobody' }))).code).toBe('PROVIDER_MISCONFIGURED');
    credentialsByAccount.set('account', { baseUrl: undefined });
    expect((await readSteps(open())).code).toBe('PROVIDER_MISCONFIGURED');
    credentialsByAccount.set('account', undefined);
    expect((await readSteps(open())).code).toBe('PROVIDER_MISCONFIGURED');
    expect(fakeProvider.requests).toEqual([]);
  });

  it('fails with PROVIDER_UNAVAILABLE for a closed port and for a server that does not speak HTTP', async () => {
    const port = await findFreePort();
    expect((await readSteps(createProviderClient('open', { url: `http://127.0.0.1:${port}/v1` }).open())).code).toBe(
      'PROVIDER_UNAVAILABLE',
    );
    const smtpServer = createServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, '127.0.0.1');
    await once(smtpServer, 'listening');
    const { port: smtpPort } = smtpServer.address() as AddressInfo;
    expect(
      (await readSteps(createProviderClient('open', { url: `http://127.0.0.1:${smtpPort}/v1` }).open())).code,
    ).toBe('PROVIDER_UNAVAILABLE');
    smtpServer.close();
  });

  it('does not follow a redirect with its key', async () => {
    const { fakeProvider } = await startProviderClient('anthropic');
    const redirectServer = createHttpServer((_, response) =>
      response.writeHead(307, { location: `${fakeProvider.url}/messages` }).end(),
    );
    onTestFinished(() => void redirectServer.close());
    await once(redirectServer.listen(0, '127.0.0.1'), 'listening');
    const { port } = redirectServer.address() as AddressInfo;
    const { code } = await readSteps(createProviderClient('anthropic', { url: `http://127.0.0.1:${port}/v1` }).open());
    expect([code, fakeProvider.requests]).toEqual(['PROVIDER_MISCONFIGURED', []]);
  });

  it('retries when the stream breaks off before the first step', async () => {
    const { fakeProvider, open } = await startProviderClient('anthropic');
    fakeProvider.respondWith({ fault: 'ended' }, { fault: 'reset' }, { text: ['Here.'] });
    expect((await readSteps(open())).text).toBe('Here.');
    expect(fakeProvider.requests).toHaveLength(3);
  });

  it('stops waiting for a retry when it is aborted, and reports no outcome', async () => {
    const { fakeProvider, open, outcomes } = await startProviderClient('openai');
    fakeProvider.respondWith({ refusal: 'rateLimit', headers: { 'retry-after': '9' } });
    const caller = new AbortController();
    const answer = readSteps(open({}, caller.signal));
    await vi.waitFor(() => expect(fakeProvider.requests).toHaveLength(1));
    setTimeout(() => caller.abort(), 50);
    const startedAt = performance.now();
    expect((await answer).failure).toBeInstanceOf(Error);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(outcomes).toEqual([]);
  });

  it('does not call a model that failed five times in a row, and then probes it once', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { fakeProvider, open, outcomes } = await startProviderClient('qwen', { timeoutMs: 60_000 });
    fakeProvider.respondWith(SERVER_ERROR);
    for (let count = 0; count < 5; count++) expect((await readSteps(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect(fakeProvider.requests).toHaveLength(15);

    expect((await readSteps(open())).failure).toMatchObject({ message: expect.stringContaining('too often') });
    expect(fakeProvider.requests).toHaveLength(15);
    expect(outcomes).toHaveLength(5);

    vi.advanceTimersByTime(30_001);
    fakeProvider.respondWith({ text: ['Well again.'], delayMs: 20 });
    const [probe, concurrent] = await Promise.all([readSteps(open()), readSteps(open())]);
    expect([probe.text, concurrent.code]).toEqual(['Well again.', 'PROVIDER_UNAVAILABLE']);
    expect((await readSteps(open())).text).toBe('Well again.');
  });

  it('counts interrupted streams as failures of a model, but not rejected requests', async () => {
    const { fakeProvider, open } = await startProviderClient('deepseek');
    fakeProvider.respondWith({ refusal: 'invalidKey' });
    for (let count = 0; count < 6; count++) expect((await readSteps(open())).code).toBe('PROVIDER_MISCONFIGURED');
    fakeProvider.respondWith({ text: ['a', 'b'], fault: 'reset', delayMs: 20 });
    const streams = await Promise.all(Array.from({ length: 5 }, () => open()));
    for (const stream of streams) expect((await readSteps(Promise.resolve(stream))).text).toBe('a');
    expect((await readSteps(open())).failure).toMatchObject({ message: expect.stringContaining('too often') });
    expect(fakeProvider.requests).toHaveLength(11);
  });

  it('opens the circuit only for the failing model, not for other models with the same credentials', async () => {
    const { fakeProvider, open } = await startProviderClient('open');
    fakeProvider.respondWith(SERVER_ERROR);
    for (let count = 0; count < 5; count++) await readSteps(open({ model: 'does-not-load' }));
    fakeProvider.respondWith({ text: ['Well.'] });
    expect((await readSteps(open({ model: 'does-not-load' }))).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readSteps(open())).text).toBe('Well.');
  });

  it('closes the circuit as soon as a model starts to answer', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { fakeProvider, open } = await startProviderClient('open', { timeoutMs: 60_000 });
    fakeProvider.respondWith(SERVER_ERROR);
    for (let count = 0; count < 5; count++) await readSteps(open());
    vi.advanceTimersByTime(30_001);
    fakeProvider.respondWith({ text: ['Well', ' again.'], fault: 'stuck' });
    const probe = await open();
    const concurrent = await open();
    expect(await concurrent.next()).toEqual({ type: 'text', text: 'Well' });
    for (const stream of [probe, concurrent]) stream.close();
  });

  it('calls a model once for a test, even with an open circuit, and closes the circuit after a success', async () => {
    const { fakeProvider, open, outcomes } = await startProviderClient('open');
    fakeProvider.respondWith(SERVER_ERROR);
    for (let count = 0; count < 5; count++) expect((await readSteps(open({ isTest: true }))).code).toBeDefined();
    expect(fakeProvider.requests).toHaveLength(5);
    for (let count = 0; count < 5; count++) await readSteps(open());
    expect(fakeProvider.requests).toHaveLength(20);
    expect((await readSteps(open({ isTest: true }))).code).toBe('PROVIDER_UNAVAILABLE');
    expect(fakeProvider.requests).toHaveLength(21);
    fakeProvider.respondWith({ text: ['Well again.'] });
    expect((await readSteps(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readSteps(open({ isTest: true }))).text).toBe('Well again.');
    expect((await readSteps(open())).text).toBe('Well again.');
    expect(outcomes.at(-1)).toMatchObject({ failure: null });
  });

  it("keeps one account's failing server from opening another account's circuit", async () => {
    const { fakeProvider, open, credentialsByAccount } = await startProviderClient('open');
    credentialsByAccount.set('other', {});
    fakeProvider.respondWith(SERVER_ERROR);
    for (let count = 0; count < 5; count++) await readSteps(open());
    fakeProvider.respondWith({ text: ['Well.'] });
    expect((await readSteps(open())).code).toBe('PROVIDER_UNAVAILABLE');
    expect((await readSteps(open({ accountId: 'other' }))).text).toBe('Well.');
  });

  it.each(PROVIDERS)('reuses the connection to %s for the next answer', async (provider) => {
    const { fakeProvider, open } = await startProviderClient(provider);
    fakeProvider.respondWith({ text: ['Hello', ' world'], delayMs: 2 });
    for (let count = 0; count < 3; count++) {
      const { stream, text } = await readSteps(open());
      stream?.close();
      expect(text).toBe('Hello world');
      await vi.waitFor(() => expect(fakeProvider.openResponses).toBe(0));
      // A connection becomes free one event loop turn after the end of its response.
      await yieldToEventLoop(10);
    }
    expect(new Set(fakeProvider.requests.map(({ port }) => port)).size).toBe(1);
  });

  it.each([
    ['openai', 'gpt-6-luna', '"summary":"auto"'],
    ['anthropic', 'claude-haiku-5-5', '"thinking":{"type":"adaptive"'],
    ['google', 'gemini-3.8-flash', '"includeThoughts":true'],
  ] as const)('requests reasoning from %s only if it is shown', async (provider, model, expectedParameter) => {
    const { fakeProvider, open } = await startProviderClient(provider);
    await readSteps(open({ model }));
    await readSteps(open({ model, showsReasoning: true }));
    const bodies = fakeProvider.requests.map(({ body }) => JSON.stringify(body));
    expect(bodies.map((body) => body.includes(expectedParameter))).toEqual([false, true]);
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
    const { fakeProvider, open } = await startProviderClient('anthropic');
    for (const maxOutputTokens of [16, 1_500, 4_096]) {
      await readSteps(open({ model, maxOutputTokens, showsReasoning: true }));
      const body = fakeProvider.requests.at(-1)?.body;
      expect(body.max_tokens).toBe(maxOutputTokens);
      const isAdaptive = /claude-(?:\w+-5|opus-4-8|sonnet-4-6|next)/.test(model);
      const budget = maxOutputTokens < 2_048 ? undefined : { type: 'enabled', budget_tokens: 1_024 };
      expect(body.thinking).toEqual(isAdaptive ? { type: 'adaptive', display: 'summarized' } : budget);
    }
  });

  it.each(['openai', 'xai'] as const)('asks %s not to store the response', async (provider) => {
    const { fakeProvider, open } = await startProviderClient(provider);
    await readSteps(open());
    expect(fakeProvider.requests[0]?.body).toMatchObject({ store: false });
  });

  it('reads a response only up to its limits', async () => {
    const limits = { maxBytes: 99, maxEventBytes: 20, maxErrorBytes: 30 };
    const readLimited = async (text: string, status = 200) => {
      const response = await createLimitedFetch(async () => new Response(text, { status }), limits)('http://a.example');
      return [response.status, await response.text()];
    };
    const events = `${'x'.repeat(18)}\n\nab\r\ncd\r\n\r\n${'y\n'.repeat(9)}\n`;
    expect(await readLimited(events, 201)).toEqual([201, events]);
    expect(await readLimited('x'.repeat(20), 500)).toEqual([500, 'x'.repeat(20)]);
    await expect(readLimited('x'.repeat(21))).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    await expect(readLimited('y\n'.repeat(11))).rejects.toThrow('An event is longer than 20 bytes.');
    await expect(readLimited('x\n\n'.repeat(11), 500)).rejects.toThrow('longer than 30 bytes');
    await expect(readLimited('x\n\n'.repeat(34))).rejects.toThrow('longer than 99 bytes');
  });
});
