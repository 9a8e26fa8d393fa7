import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The gateway's metrics, in the Prometheus format. */
export interface Metrics {
  readonly registry: Registry;
  /** HTTP requests by route, method and status; in seconds. */
  readonly httpSeconds: Histogram<'route' | 'method' | 'status'>;
  /** GraphQL operations by kind, transport and outcome (`ok`, or the first error's code); in seconds. */
  readonly operationSeconds: Histogram<'kind' | 'transport' | 'outcome'>;
  /** Compiled GraphQL operations, by outcome (`ok`, `failed`). */
  readonly compilations: Counter<'outcome'>;
  /** Finished answers, by engine and status. */
  readonly answers: Counter<'engine' | 'status'>;
  /** Tokens of answers, by engine and kind (`input`, `cached` input, `output`, `reasoning`). */
  readonly tokens: Counter<'engine' | 'kind'>;
  /** The price of answers with a known price, by engine; in US dollars. */
  readonly priceUsd: Counter<'engine'>;
  /** Requests to hosted models that failed before an answer started, by provider and `FailureCode`. */
  readonly modelFailures: Counter<'provider' | 'code'>;
  /** Time of a request for embeddings, by the kind of its texts and outcome (`ok`, or a `FailureCode`); in seconds. */
  readonly embeddingSeconds: Histogram<'kind' | 'outcome'>;
  /** Passages without a vector of the current model, on the gateway that embeds them. */
  readonly passagesToEmbed: Gauge<string>;
  /** Time from the start of an answer to its first text, by engine; in seconds. */
  readonly firstDeltaSeconds: Histogram<'engine'>;
  /** Requests refused by the rate limit. */
  readonly rateLimited: Counter<string>;
  /** Webhook delivery attempts, by the outcome of the delivery (`delivered`, `failed`, `exhausted`). */
  readonly webhookAttempts: Counter<'outcome'>;
  /** Time until a webhook endpoint responded or the attempt failed; in seconds. */
  readonly webhookSeconds: Histogram<string>;
  /** Queries that wait until other queries have finished: see `queueQueries`. */
  readonly waitingQueries: Gauge<string>;
  /** Bytes of responses buffered for clients. */
  readonly pendingBytes: Gauge<string>;
  /** Responses and sockets that were closed because the client read too slowly, by `CloseReason`. */
  readonly closedResponses: Counter<'reason'>;
  readonly sockets: Gauge<string>;
  readonly subscriptions: Gauge<string>;
  readonly activeAnswers: Gauge<string>;
  /** Sources that an update left to index again. */
  readonly sourcesToIndex: Gauge<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

/** Creates the metrics of one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...createRequestMetrics(registers),
    ...createAnswerMetrics(registers),
    ...createWebhookMetrics(registers),
    sourcesToIndex: new Gauge({
      name: 'chatgraph_sources_to_index',
      help: 'Sources that wait to be indexed again after an update.',
      registers,
    }),
  };
}

function createRequestMetrics(registers: Registry[]) {
  return {
    httpSeconds: new Histogram({
      name: 'chatgraph_http_request_seconds',
      help: 'Duration of HTTP requests.',
      labelNames: ['route', 'method', 'status'],
      buckets: SECONDS,
      registers,
    }),
    operationSeconds: new Histogram({
      name: 'chatgraph_graphql_operation_seconds',
      help: 'Duration of GraphQL operations; of a subscription, until its first event.',
      labelNames: ['kind', 'transport', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    compilations: new Counter({
      name: 'chatgraph_graphql_compilations_total',
      help: 'Compiled GraphQL operations.',
      labelNames: ['outcome'],
      registers,
    }),
    rateLimited: new Counter({
      name: 'chatgraph_rate_limited_total',
      help: 'Requests refused by the rate limit.',
      registers,
    }),
    waitingQueries: new Gauge({
      name: 'chatgraph_waiting_queries',
      help: 'Queries that wait until others have finished.',
      registers,
    }),
    pendingBytes: new Gauge({
      name: 'chatgraph_pending_bytes',
      help: 'Bytes of responses buffered in memory for clients.',
      registers,
    }),
    closedResponses: new Counter({
      name: 'chatgraph_cut_answers_total',
      help: 'Responses and sockets closed because their client read too slowly.',
      labelNames: ['reason'],
      registers,
    }),
    sockets: new Gauge({ name: 'chatgraph_sockets', help: 'Open WebSockets.', registers }),
    subscriptions: new Gauge({
      name: 'chatgraph_subscriptions',
      help: 'Open subscriptions.',
      registers,
    }),
  };
}

function createAnswerMetrics(registers: Registry[]) {
  return {
    answers: new Counter({
      name: 'chatgraph_answers_total',
      help: 'Finished answers.',
      labelNames: ['engine', 'status'],
      registers,
    }),
    tokens: new Counter({
      name: 'chatgraph_tokens_total',
      help: 'Tokens of answers; each counts once, as input, cached input, output or reasoning.',
      labelNames: ['engine', 'kind'],
      registers,
    }),
    priceUsd: new Counter({
      name: 'chatgraph_price_usd_total',
      help: 'Price of answers with a known price, in US dollars.',
      labelNames: ['engine'],
      registers,
    }),
    modelFailures: new Counter({
      name: 'chatgraph_model_failures_total',
      help: 'Requests to hosted models that failed before an answer started.',
      labelNames: ['provider', 'code'],
      registers,
    }),
    embeddingSeconds: new Histogram({
      name: 'chatgraph_embedding_seconds',
      help: 'Duration of requests for embeddings.',
      labelNames: ['kind', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    passagesToEmbed: new Gauge({
      name: 'chatgraph_passages_to_embed',
      help: 'Passages without a vector of the embedding model, on the gateway that embeds them.',
      registers,
    }),
    firstDeltaSeconds: new Histogram({
      name: 'chatgraph_first_delta_seconds',
      help: 'Time from the start of an answer to its first text.',
      labelNames: ['engine'],
      buckets: SECONDS,
      registers,
    }),
    activeAnswers: new Gauge({ name: 'chatgraph_answers_under_way', help: 'Answers in progress.', registers }),
  };
}

function createWebhookMetrics(registers: Registry[]) {
  return {
    webhookAttempts: new Counter({
      name: 'chatgraph_webhook_attempts_total',
      help: 'Attempts at webhook endpoints, by the outcome of the delivery.',
      labelNames: ['outcome'],
      registers,
    }),
    webhookSeconds: new Histogram({
      name: 'chatgraph_webhook_seconds',
      help: 'Time until a webhook endpoint responded or the attempt failed.',
      buckets: SECONDS,
      registers,
    }),
  };
}

/** Exports whether Redis responds; called only where a Redis is configured. */
export function addRedisGauge({ registry }: Metrics, isUp: () => boolean): void {
  new Gauge({
    name: 'chatgraph_redis_up',
    help: '1 if Redis responds, otherwise 0.',
    registers: [registry],
    collect() {
      this.set(isUp() ? 1 : 0);
    },
  });
}

/** Exports the number of due webhook deliveries. While counting fails, the gauge keeps its last value. */
export function addDueDeliveriesGauge({ registry }: Metrics, count: () => Promise<number>): void {
  let last = 0;
  new Gauge({
    name: 'chatgraph_webhook_due',
    help: 'Due webhook deliveries, including those in progress.',
    registers: [registry],
    async collect() {
      last = await count().catch(() => last);
      this.set(last);
    },
  });
}
