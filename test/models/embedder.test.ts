import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createEmbedder } from '../../src/models/embedder.ts';
import type { EmbeddingKind } from '../../src/models/embedding-prefixes.ts';
import { ModelFailure } from '../../src/models/failure.ts';
import {
  DIMENSIONS,
  type EmbeddingResponder,
  embedText,
  sendError,
  sendVectors,
  startFakeEmbeddings,
} from '../helpers/models/fake-embeddings.ts';

const KEY = 'sk-embeddings-0123456789abcdef';
const NEVER = new AbortController().signal;
const TEXTS = ['We mend bicycles.', 'Refunds take ten days.'];

async function startEmbedder({ model = 'small', apiKey }: { model?: string; apiKey?: string } = { apiKey: KEY }) {
  const server = await startFakeEmbeddings();
  const logs: Record<string, unknown>[] = [];
  const logger = createLogger('debug', { write: (line: string) => void logs.push(JSON.parse(line)) });
  const metrics = createMetrics();
  const embedder = createEmbedder({ baseUrl: server.url, apiKey, model }, { fetch, logger, metrics });
  const embed = (texts = TEXTS, kind: EmbeddingKind = 'query', signal = NEVER) => embedder.embed(texts, kind, signal);
  const fail = (texts = TEXTS, kind: EmbeddingKind = 'query', signal = NEVER) =>
    embed(texts, kind, signal).then(
      () => expect.unreachable('The call must fail.'),
      (error: unknown) => (error instanceof ModelFailure ? error : Promise.reject(error)),
    );
  const outcomes = async () =>
    (await metrics.embeddingSeconds.get()).values
      .filter(({ metricName }) => metricName?.endsWith('_count'))
      .map(({ labels, value }) => `${labels.kind} ${labels.outcome} ${value}`);
  return { ...server, server, embedder, embed, fail, logs, outcomes };
}

describe('an embedder', () => {
  it('sends the texts with the model and the key in one request, and returns their vectors', async () => {
    const { embed, embedder, requests, outcomes } = await startEmbedder();
    expect(embedder.dimensions).toBeUndefined();
    expect(await embed()).toEqual(TEXTS.map((text) => Float32Array.from(embedText(text))));
    expect(embedder.dimensions).toBe(DIMENSIONS);
    expect(requests).toMatchObject([{ model: 'small', input: TEXTS, headers: { authorization: `Bearer ${KEY}` } }]);
    expect(await outcomes()).toEqual(['query ok 1']);
  });

  it('needs no key', async () => {
    const { embed, requests } = await startEmbedder({});
    await embed();
    expect(requests[0]?.headers.authorization).toBeUndefined();
  });

  it('marks passages and questions as models expect that were trained with such marks', async () => {
    const { embed, requests } = await startEmbedder({ model: 'intfloat/multilingual-E5-small' });
    await embed(['Bread'], 'passage');
    await embed(['Bread?'], 'query');
    expect(requests.map(({ input }) => input)).toEqual([['passage: Bread'], ['query: Bread?']]);
  });

  it('returns the vectors in the order of the texts, whatever the order of the response', async () => {
    const { embed, server } = await startEmbedder();
    server.respondWith((response, vectors) => {
      const data = vectors.map((embedding, index) => ({ index, embedding })).reverse();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
    });
    expect(await embed()).toEqual(TEXTS.map((text) => Float32Array.from(embedText(text))));
  });

  it('replaces half characters, which are not valid in a request', async () => {
    const { embed, requests } = await startEmbedder();
    await embed(['a \ud83d b']);
    expect(requests[0]?.input).toEqual(['a \ufffd b']);
  });

  it.each<[string, EmbeddingResponder, string]>([
    ['a missing vector', (response, vectors) => sendVectors(response, vectors.slice(1)), 'PROVIDER_UNAVAILABLE'],
    [
      'vectors of different lengths',
      (response, [first = []]) => sendVectors(response, [first, first.slice(1)]),
      'PROVIDER_MISCONFIGURED',
    ],
    ['vectors without numbers', (response) => sendVectors(response, [[], []]), 'PROVIDER_MISCONFIGURED'],
    ['numbers beyond 32 bits', (response) => sendVectors(response, [[1e300], [1]]), 'PROVIDER_UNAVAILABLE'],
    ['no JSON', (response) => void response.writeHead(200).end('<html>'), 'PROVIDER_UNAVAILABLE'],
    [
      'other JSON',
      (response) => void response.writeHead(200).end('{"data":[{"embedding":"AAAA"}]}'),
      'PROVIDER_UNAVAILABLE',
    ],
    ['an endless response', (response) => void endless(response), 'PROVIDER_UNAVAILABLE'],
    [
      'a redirect',
      (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'PROVIDER_MISCONFIGURED',
    ],
    ['401', (response) => sendError(response, 401, `Incorrect API key: ${KEY}`), 'PROVIDER_MISCONFIGURED'],
    ['404', (response) => sendError(response, 404, 'model not found'), 'PROVIDER_MISCONFIGURED'],
    [
      '429 with a long wait',
      (response) => sendError(response, 429, 'slow down', { 'retry-after': '60' }),
      'PROVIDER_RATE_LIMITED',
    ],
  ])('fails at %s, and logs neither the key nor a text', async (_name, respond, code) => {
    const { fail, server, logs } = await startEmbedder();
    server.respondWith(respond);
    const failure = await fail();
    expect(failure.code).toBe(code);
    expect(logs).toMatchObject([
      { level: 40, msg: 'cannot embed texts; searching by words alone until it works', code },
    ]);
    expect(JSON.stringify([logs, failure.message])).not.toMatch(/0123456789|bicycles/);
  });

  it('refuses vectors of another length than before, which cannot be compared', async () => {
    const { embed, fail, server } = await startEmbedder();
    await embed();
    server.respondWith((response) =>
      sendVectors(response, [
        [1, 0],
        [0, 1],
      ]),
    );
    expect(await fail()).toMatchObject({ message: `Got a vector of 2 numbers instead of ${DIMENSIONS}.` });
  });

  it('repeats a request after a transient failure', async () => {
    const { embed, requests, server, logs } = await startEmbedder();
    server.respondWith((response) => {
      server.respondWith();
      sendError(response, 503, 'loading');
    });
    expect(await embed()).toHaveLength(2);
    expect(requests).toHaveLength(2);
    expect(logs).toEqual([]);
  });

  it('cuts texts that are too long for the model', async () => {
    const { embed, requests, server } = await startEmbedder();
    server.respondWith((response, vectors, { input }) => {
      if (input.some(({ length }) => length > 600)) sendError(response, 413, 'inputs must have less than 512 tokens');
      else sendVectors(response, vectors);
    });
    expect(await embed(['bread '.repeat(400), 'short'], 'passage')).toHaveLength(2);
    expect(requests.map(({ input }) => input.map(({ length }) => length))).toEqual([
      [2400, 5],
      [1200, 5],
      [600, 5],
    ]);
  });

  it('gives up a query after two seconds', async () => {
    const { fail, server } = await startEmbedder();
    server.respondWith(() => {});
    const startedAt = performance.now();
    await fail();
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('calls a failing server no more for half a minute, and logs the start and the end of the outage once', async () => {
    const { embed, fail, requests, server, logs, outcomes } = await startEmbedder();
    server.respondWith((response) => sendError(response, 401, 'no'));
    for (let call = 0; call < 5; call++) await fail();
    expect(requests).toHaveLength(3);
    expect(await outcomes()).toEqual(['query PROVIDER_MISCONFIGURED 3']);
    expect(logs).toHaveLength(1);
    server.respondWith();
    const realNow = performance.now.bind(performance);
    performance.now = () => realNow() + 31_000;
    try {
      await embed();
      await embed();
    } finally {
      performance.now = realNow;
    }
    expect(logs.map(({ msg }) => msg)).toEqual([
      'cannot embed texts; searching by words alone until it works',
      'embedding texts again',
    ]);
  });

  it('stops when the caller does, which is no outage', async () => {
    const { fail, server, logs } = await startEmbedder();
    const stop = new AbortController();
    server.respondWith(() => stop.abort());
    await fail(TEXTS, 'passage', stop.signal);
    expect(logs).toEqual([]);
  });
});

function endless(response: Parameters<EmbeddingResponder>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const write = () => {
    while (!response.destroyed && response.write('1'.repeat(100_000)));
    if (!response.destroyed) response.once('drain', write);
  };
  write();
}
