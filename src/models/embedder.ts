import { setTimeout as wait } from 'node:timers/promises';
import type { EmbeddingModelV4 } from '@ai-sdk/provider';
import type { Logger } from 'pino';
import { createBreaker } from '../domain/breaker.ts';
import type { Metrics } from '../metrics.ts';
import { type EmbeddingKind, findPrefixes } from './embedding-prefixes.ts';
import { ModelFailure, toModelFailure } from './failure.ts';
import { createLimitedFetch } from './limited-fetch.ts';
import { createRedact } from './redact.ts';

/** Turns texts into vectors: the more similar the meanings of two texts, the smaller the angle between their vectors. */
export interface Embedder {
  /** The name of the model. Only vectors of the same model can be compared. */
  readonly model: string;
  /** The length of all vectors; undefined before the first response. */
  readonly dimensions: number | undefined;
  /**
   * Embeds at most `MAX_BATCH` texts, in one request, and returns a vector for each, in their order. Cuts texts that are
   * too long for the model. Retries transient failures, for 2 seconds in the case of a query, and for a minute in the
   * case of passages.
   * @throws ModelFailure
   */
  embed(texts: readonly string[], kind: EmbeddingKind, signal?: AbortSignal): Promise<Float32Array[]>;
}

/** The model, and the server that runs it: any that speaks OpenAI's protocol for embeddings. */
export interface EmbeddingServer {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly model: string;
}

/** The services that an embedder uses. */
export interface EmbedderDeps {
  readonly fetch: typeof globalThis.fetch;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'embeddingSeconds'>;
}

/** The maximum number of texts of a request: the default maximum of Text Embeddings Inference, a common server. */
export const MAX_BATCH = 32;
/** A visitor waits for the embedding of a query, and gets an answer without it when it takes longer. */
const TIME_LIMIT_MS: Readonly<Record<EmbeddingKind, number>> = { query: 2_000, passage: 60_000 };
const MAX_RETRIES: Readonly<Record<EmbeddingKind, number>> = { query: 1, passage: 4 };
const FIRST_RETRY_DELAY_MS = 250;
/** After `maxFailures` consecutive failures, the server is not called for `pauseMs`. */
const BREAKER = { maxFailures: 3, pauseMs: 30_000 };
/** In UTF-16 units: a shorter text is not cut. */
const MIN_CUT_CHARS = 200;
/** More than any published model has. */
const MAX_DIMENSIONS = 16_384;
/** Enough for `MAX_BATCH` vectors of 8,192 numbers with 20 digits each; the response is parsed synchronously. */
const MAX_RESPONSE_BYTES = 8 * 1_024 * 1_024;
const RESPONSE_LIMITS = {
  maxBytes: MAX_RESPONSE_BYTES,
  maxEventBytes: MAX_RESPONSE_BYTES,
  maxErrorBytes: 1_024 * 1_024,
};

/** Creates the embedder of one process. It calls the server only for `embed`, and logs one warning per outage. */
export function createEmbedder(server: EmbeddingServer, deps: EmbedderDeps): Embedder {
  const redact = createRedact([server.apiKey]);
  const prefixes = findPrefixes(server.model);
  const fetch = createLimitedFetch(deps.fetch, RESPONSE_LIMITS);
  const health = createHealth(deps.logger, server.model);
  let loading: Promise<EmbeddingModelV4> | undefined;
  let dimensions: number | undefined;

  /** Sends one request. @throws ModelFailure */
  async function request(values: string[], kind: EmbeddingKind, abortSignal: AbortSignal): Promise<Float32Array[]> {
    const endTimer = deps.metrics.embeddingSeconds.startTimer({ kind });
    try {
      loading ??= loadModel(server, fetch);
      const model = await loading;
      const vectors = readVectors(await model.doEmbed({ values, abortSignal }), values.length, dimensions);
      dimensions = vectors[0]?.length;
      endTimer({ outcome: 'ok' });
      return vectors;
    } catch (error) {
      const failure = error instanceof ModelFailure ? error : toModelFailure(error, redact);
      endTimer({ outcome: failure.code });
      throw failure;
    }
  }

  /** Repeats a request after a transient failure, and with shorter texts when the server finds them too long. */
  async function requestWithRetries(texts: string[], kind: EmbeddingKind, limit: AbortSignal): Promise<Float32Array[]> {
    let values = texts;
    for (let attempt = 1; ; ) {
      try {
        return await request(values, kind, limit);
      } catch (error) {
        if (!(error instanceof ModelFailure) || limit.aborted) throw error;
        const longest = Math.max(...values.map((value) => value.length));
        if (error.code === 'CONTEXT_TOO_LONG' && longest > MIN_CUT_CHARS) {
          values = values.map((value) => value.slice(0, longest / 2).toWellFormed());
          continue;
        }
        const pauseMs = error.retryAfterMs ?? FIRST_RETRY_DELAY_MS * 2 ** attempt * (1 + Math.random() / 2);
        if (!error.isTransient || attempt > MAX_RETRIES[kind] || pauseMs > TIME_LIMIT_MS[kind]) throw error;
        attempt++;
        await wait(pauseMs, undefined, { signal: limit }).catch(() => {
          throw error;
        });
      }
    }
  }

  return {
    model: server.model,
    get dimensions() {
      return dimensions;
    },
    async embed(texts, kind, signal) {
      if (!health.allowAttempt()) throw new ModelFailure('PROVIDER_UNAVAILABLE', 'The server has failed repeatedly.');
      const timeLimit = AbortSignal.timeout(TIME_LIMIT_MS[kind]);
      const limit = signal === undefined ? timeLimit : AbortSignal.any([signal, timeLimit]);
      try {
        const values = texts.map((text) => (prefixes[kind] + text).toWellFormed());
        const vectors = await requestWithRetries(values, kind, limit);
        health.reportSuccess();
        return vectors;
      } catch (error) {
        if (error instanceof ModelFailure && !signal?.aborted) health.reportFailure(error);
        throw error;
      }
    },
  };
}

async function loadModel(
  { baseUrl, apiKey = '', model }: EmbeddingServer,
  fetch: typeof globalThis.fetch,
): Promise<EmbeddingModelV4> {
  const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
  return createOpenAICompatible({ name: 'embeddings', apiKey, baseURL: baseUrl, fetch }).embeddingModel(model);
}

/**
 * Reads the vectors of a response, and checks them, because a wrong one would be stored.
 * @param dimensions the length of earlier vectors; undefined before the first response.
 * @throws ModelFailure
 */
function readVectors(
  { embeddings, response }: Awaited<ReturnType<EmbeddingModelV4['doEmbed']>>,
  count: number,
  dimensions = embeddings[0]?.length ?? 0,
): Float32Array[] {
  if (embeddings.length !== count)
    throw new ModelFailure('PROVIDER_UNAVAILABLE', `Got ${embeddings.length} vectors for ${count} texts.`);
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
    throw new ModelFailure('PROVIDER_MISCONFIGURED', `Got vectors of ${dimensions} numbers.`);
  const wrong = embeddings.find(({ length }) => length !== dimensions);
  if (wrong !== undefined)
    throw new ModelFailure(
      'PROVIDER_MISCONFIGURED',
      `Got a vector of ${wrong.length} numbers instead of ${dimensions}.`,
    );
  const vectors = sortByIndex(embeddings, response?.body).map((numbers) => Float32Array.from(numbers));
  if (!vectors.every((vector) => vector.every(Number.isFinite)))
    throw new ModelFailure('PROVIDER_UNAVAILABLE', 'Got a number that is too large.');
  return vectors;
}

/** Sorts the vectors by the `index` that the protocol gives each, which the package ignores. */
function sortByIndex(embeddings: number[][], body: unknown): number[][] {
  const { data } = body as { data: { index?: unknown }[] };
  const sorted: number[][] = [];
  for (const [position, { index = position }] of data.entries()) {
    const vector = embeddings[position];
    if (vector !== undefined && typeof index === 'number' && index in embeddings) sorted[index] = vector;
  }
  return Object.keys(sorted).length === embeddings.length ? sorted : embeddings;
}

/** Blocks calls during an outage, and logs its start and its end. */
function createHealth(logger: Logger, model: string) {
  const breaker = createBreaker(BREAKER);
  let failedSince: number | undefined;
  return {
    allowAttempt: breaker.allowAttempt,
    reportSuccess(): void {
      breaker.reportSuccess();
      if (failedSince === undefined) return;
      logger.info({ model, seconds: Math.round((performance.now() - failedSince) / 1_000) }, 'embedding texts again');
      failedSince = undefined;
    },
    reportFailure({ code, message }: ModelFailure): void {
      // A server that refuses a text works.
      const isOutage = code !== 'CONTENT_FILTERED' && code !== 'CONTEXT_TOO_LONG';
      if (isOutage) breaker.reportFailure();
      else breaker.reportSuccess();
      if (!isOutage || failedSince !== undefined) return;
      failedSince = performance.now();
      logger.warn({ model, code, detail: message }, 'cannot embed texts; searching by words alone until it works');
    },
  };
}
