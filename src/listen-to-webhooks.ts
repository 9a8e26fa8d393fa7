import { performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { styleText } from 'node:util';
import { createClient } from 'graphql-ws';
import { LRUCache } from 'lru-cache';
import { WebSocket } from 'ws';
import { StartupError } from './domain/errors.ts';
import { toPlainLine, toPlainLines } from './domain/plain-text.ts';
import { type DeliveryStatus, WEBHOOK_EVENTS } from './domain/webhooks.ts';

/** The gateway to listen to, and the server to forward its deliveries to. */
export interface ListenOptions {
  /** The gateway's address, such as `http://127.0.0.1:4000`. */
  readonly url: string;
  /** A key with the scope `MANAGE`. */
  readonly key: string;
  /** Absent: all subscriptions of the account. */
  readonly subscriptionId: string | undefined;
  /** The URL to post payloads to; absent: payloads are only printed. */
  readonly forwardUrl: string | undefined;
  /** Whether to print JSON instead of text for people. */
  readonly asJson: boolean;
}

const PING_INTERVAL_MS = 10_000;
const PONG_TIMEOUT_MS = 5_000;
const FIRST_RETRY_DELAY_MS = 250;
const MAX_RETRY_DELAY_MS = 5_000;
const FORWARD_TIMEOUT_MS = 10_000;
const MAX_SHOWN_CHARS = 160;
const MAX_REMEMBERED_IDS = 10_000;
const UNAUTHORIZED = 4401;

const QUERY = `subscription Listen($subscriptionId: ID, $forwards: Boolean!) {
  webhookDeliveries(subscriptionId: $subscriptionId) {
    id event eventId status attemptCount createdAt nextAttemptAt payload headers @include(if: $forwards)
    subscription { id url }
    attempts { number at durationMs statusCode error }
  }
}`;

/**
 * Checks at once whether the key may listen and the subscription exists, because a stream does not report that it has
 * started. The check needs the same scopes as the stream, so the gateway refuses both or neither. The check reports the
 * refusal, because the stream's iterator loses an error that arrives before the first read, and then waits for ever.
 */
const CHECK = `query Check($subscriptionId: ID!) {
  webhookSubscription(id: $subscriptionId) { id deliveries(first: 0) { nodes { payload } } }
}`;

interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly status: DeliveryStatus;
  readonly createdAt: string;
  readonly payload: string | null;
  readonly headers?: Readonly<Record<string, string>> | null;
  readonly subscription: { readonly id: string };
  readonly attempts: readonly Attempt[];
}

interface Attempt {
  readonly number: number;
  readonly at: string;
  readonly durationMs: number;
  readonly statusCode: number | null;
  readonly error: string | null;
}

/**
 * Prints the deliveries of a gateway as they happen, until the process ends; reconnects when the connection is lost.
 * Posts each delivery with a payload to `forwardUrl` once, with the headers of its endpoint except custom headers.
 * @throws StartupError when the first connection fails, or the gateway refuses the key or the subscription.
 */
export async function listen(options: ListenOptions): Promise<never> {
  const forwarded = new LRUCache<string, true>({ max: MAX_REMEMBERED_IDS });
  let hasListened = false;
  let retryCount = 0;
  const onListening = () => {
    const status = hasListened ? 'Listening again' : `Listening to ${toShortPlainText(options.url)}`;
    process.stderr.write(`${status}. Ctrl-C ends it.\n`);
    hasListened = true;
    retryCount = 0;
  };
  while (true) {
    try {
      for await (const delivery of streamDeliveries(options, onListening)) {
        print(delivery, options);
        if (options.forwardUrl === undefined || !delivery.headers || forwarded.has(delivery.id)) continue;
        forwarded.set(delivery.id, true);
        // Not awaited, so that a slow server does not delay other deliveries.
        void forward(delivery, options.forwardUrl, options);
      }
    } catch (failure) {
      const reason = describeFailure(failure, options);
      if (!hasListened || isFinal(failure)) throw new StartupError(reason);
      if (retryCount === 0) process.stderr.write(`${toPlainLine(reason)} Trying again.\n`);
    }
    const maxDelayMs = Math.min(MAX_RETRY_DELAY_MS, FIRST_RETRY_DELAY_MS * 2 ** retryCount++);
    await setTimeout(maxDelayMs * (0.5 + Math.random() / 2));
  }
}

/** Yields deliveries from one connection. Returns when the gateway ends the stream; throws the errors it reports. */
async function* streamDeliveries(
  { url, key, subscriptionId, forwardUrl }: ListenOptions,
  onListening: () => void,
): AsyncGenerator<Delivery> {
  let pongTimer: NodeJS.Timeout | undefined;
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
    keepAlive: PING_INTERVAL_MS,
    on: {
      // A broken connection is silent: only a missing pong reveals it.
      ping: (isReceived) => {
        if (!isReceived) pongTimer = globalThis.setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
      },
      pong: () => clearTimeout(pongTimer),
      closed: () => clearTimeout(pongTimer),
    },
  });
  const variables = { subscriptionId, forwards: forwardUrl !== undefined };
  const results = client.iterate<{ webhookDeliveries: Delivery }>({ query: QUERY, variables });
  try {
    for await (const { data, errors } of client.iterate({
      query: CHECK,
      variables: { subscriptionId: subscriptionId ?? '' },
    })) {
      if (errors) throw errors;
      if (subscriptionId === undefined || data?.webhookSubscription) onListening();
    }
    for await (const { data, errors } of results) {
      if (errors) throw errors;
      if (data) yield data.webhookDeliveries;
    }
  } finally {
    await client.dispose();
  }
}

type Colour = 'gray' | 'green' | 'yellow' | 'red';

const COLOURS: Readonly<Record<DeliveryStatus, Colour>> = {
  PENDING: 'gray',
  DELIVERED: 'green',
  FAILED: 'yellow',
  EXHAUSTED: 'red',
};

function print({ headers, ...delivery }: Delivery, { asJson }: ListenOptions): void {
  if (asJson) {
    printJson(delivery);
    return;
  }
  const last = delivery.attempts.at(-1);
  const event = WEBHOOK_EVENTS[delivery.event as keyof typeof WEBHOOK_EVENTS] ?? delivery.event;
  const parts = [
    new Date(last?.at ?? delivery.createdAt).toTimeString().slice(0, 8),
    paint(COLOURS[delivery.status] ?? 'gray', toShortPlainText(delivery.status).padEnd(9)),
    toShortPlainText(event).padEnd(20),
    toShortPlainText(delivery.subscription.id),
    last && toShortPlainText(`attempt ${last.number}: ${last.statusCode ?? last.error} in ${last.durationMs} ms`),
    delivery.payload && paint('gray', toShortPlainText(delivery.payload)),
  ];
  process.stdout.write(`${parts.filter(Boolean).join('  ')}\n`);
}

/** Posts a payload, and prints the result. Never rejects. */
async function forward(
  { id, payload, headers }: Delivery,
  url: string,
  { asJson }: Pick<ListenOptions, 'asJson'>,
): Promise<void> {
  const startedAt = performance.now();
  const outcome = await post(url, { body: payload ?? '', headers: { ...headers } });
  const durationMs = Math.round(performance.now() - startedAt);
  if (asJson) {
    printJson({ deliveryId: id, forwardedTo: url, ...outcome, durationMs });
    return;
  }
  const { statusCode, error } = outcome;
  const isOk = statusCode !== null && statusCode >= 200 && statusCode < 300;
  const result = statusCode === null ? toShortPlainText(`${error}`) : `answered ${statusCode}`;
  const coloured = paint(isOk ? 'green' : 'red', result);
  process.stdout.write(`          → ${toShortPlainText(url)}  ${coloured} in ${durationMs} ms\n`);
}

async function post(url: string, init: { body: string; headers: Record<string, string> }) {
  try {
    const signal = AbortSignal.timeout(FORWARD_TIMEOUT_MS);
    const response = await fetch(url, { ...init, method: 'POST', redirect: 'manual', signal });
    await response.body?.cancel();
    return { statusCode: response.status, error: null };
  } catch (failure) {
    const { message, cause } = failure as Error;
    return { statusCode: null, error: cause instanceof Error ? describe(cause) : message };
  }
}

function printJson(value: object): void {
  process.stdout.write(`${toPlainLines(JSON.stringify(value))}\n`);
}

/** Truncates a text, and replaces its control characters, which a terminal would interpret. */
function toShortPlainText(text: string): string {
  const start = text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
  return start.replace(/\p{C}/gu, '\ufffd');
}

/** Colours a text on a terminal. */
function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout });
}

/** Whether a retry would fail in the same way. */
function isFinal(failure: unknown): boolean {
  if (isCloseEvent(failure)) return failure.code === UNAUTHORIZED;
  return /^(FORBIDDEN|NOT_FOUND|UNAUTHENTICATED|BAD_USER_INPUT|GRAPHQL_.*)$/.test(codeOf(failure));
}

function describeFailure(failure: unknown, { url, subscriptionId }: ListenOptions): string {
  if (isCloseEvent(failure)) {
    if (failure.code === UNAUTHORIZED) return 'The gateway does not know this key, or it was revoked.';
    return `The gateway has closed the connection (${toShortPlainText(`${failure.code} ${failure.reason}`).trim()}).`;
  }
  if (Array.isArray(failure)) {
    if (codeOf(failure) === 'FORBIDDEN') {
      const scopes: string[] = failure[0]?.extensions?.requiredScopes ?? ['MANAGE'];
      return `The key may not do this: it needs ${scopes.join(' and ')}.`;
    }
    if (codeOf(failure) === 'NOT_FOUND') return `There is no webhook subscription ${subscriptionId}.`;
    return toShortPlainText(String(failure[0]?.message));
  }
  const { error = failure } = failure as { error?: unknown };
  return `There is no gateway at ${url}: ${describe(error)}.`;
}

function describe(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return toShortPlainText(message || code || String(error));
}

function isCloseEvent(failure: unknown): failure is { readonly code: number; readonly reason: string } {
  return typeof failure === 'object' && failure !== null && 'code' in failure && 'reason' in failure;
}

/** The code of the first GraphQL error; empty if there is none. */
function codeOf(failure: unknown): string {
  return Array.isArray(failure) ? String(failure[0]?.extensions?.code ?? '') : '';
}
