/**
 * Follows streams, and reports the received tokens. It sends `ready` to its parent process when it follows all streams,
 * waits for a message, starts the streams, and sends a `StreamResult` at their end.
 *
 * `node bench/token-load.ts <load options as JSON>`
 */

import { spreadOf } from './benchmark.ts';
import type { BenchAccount } from './data.ts';
import { type DeltaListener, followSse, openSocket, type Socket, SUBSCRIPTIONS, sendQuestion } from './token-client.ts';
import { createToken, TOKEN_LENGTH, type TokenRate } from './token-generator.ts';

/** The streams to follow. */
export interface LoadOptions {
  readonly kind: 'sse' | 'graphql-ws' | keyof typeof SUBSCRIPTIONS;
  readonly url: string;
  /** The server that the load reads the streams from: `url`, or another node of its cluster. */
  readonly readUrl: string;
  readonly account: BenchAccount;
  readonly streams: number;
  readonly rate: TokenRate;
  /** The server that starts the streams; absent: `url`. */
  readonly startUrl?: string;
  /** The number of the gateway's streams per connection; 1 if absent. */
  readonly perSocket?: number;
  /** If present, all streams follow one reply: with the same query, or each with a different alias in its query. */
  readonly sharedReplyQuery?: 'same' | 'distinct';
}

/** The received tokens. */
export interface StreamResult {
  readonly tokens: number;
  /** The number of events; lower than `tokens` if events have several tokens. */
  readonly events: number;
  /** The number of tokens that had not arrived when the last token was due. */
  readonly late: number;
  /** The median time from the creation of a token to its arrival, in microseconds. */
  readonly medianLag: number;
}

const options: LoadOptions = JSON.parse(process.argv[2] ?? '');
const { kind, url, readUrl, startUrl = url, account, streams, rate, perSocket = 1, sharedReplyQuery } = options;

const question = 'Where is my parcel?';
const sharedReply = sharedReplyQuery && (await sendQuestion(url, account, question));
const sockets: Promise<Socket>[] = [];

/** Follows one stream. Unless all streams share a reply, it first sends the gateway a question. */
async function followStream(number: number, listener: DeltaListener): Promise<void> {
  if (kind === 'sse') return followSse(readUrl, listener);
  if (kind === 'graphql-ws') {
    return (await openSocket(readUrl)).subscribe('subscription { tokens { offset text } }', {}, listener);
  }
  const { query, variables } = SUBSCRIPTIONS[kind];
  const reply = sharedReply ?? (await sendQuestion(url, account, question));
  const socketIndex = Math.floor(number / perSocket);
  sockets[socketIndex] ??= openSocket(readUrl, account.key);
  const text = sharedReplyQuery === 'distinct' ? query.replace(kind, `name${number}: ${kind}`) : query;
  (await sockets[socketIndex]).subscribe(text, variables(reply), listener);
}

function startStreams(): Promise<unknown> {
  const text = JSON.stringify(rate);
  return kind === 'sse' || kind === 'graphql-ws' || startUrl !== url
    ? fetch(`${startUrl}/start?${encodeURIComponent(text)}`)
    : sendQuestion(url, account, text);
}

const lags: number[] = [];
let events = 0;
let late = 0;
let dueAt = Number.POSITIVE_INFINITY;
const allReceived = Promise.withResolvers<void>();

function createListener(onFollowed: () => void): DeltaListener {
  return ({ text = '' }) => {
    onFollowed();
    if (text === '') return;
    events++;
    // The text of a new token is the current time.
    const now = Number(createToken());
    if (now > dueAt) late += text.length / TOKEN_LENGTH;
    for (let at = 0; at < text.length; at += TOKEN_LENGTH) lags.push(now - Number(text.slice(at, at + TOKEN_LENGTH)));
    if (lags.length === streams * rate.tokens) allReceived.resolve();
  };
}

/** The maximum number of streams opened at the same time: a shared database allows few concurrent writes. */
const MAX_CONCURRENT_OPENS = 100;

for (let first = 0; first < streams; first += MAX_CONCURRENT_OPENS) {
  const numbers = Array.from({ length: Math.min(MAX_CONCURRENT_OPENS, streams - first) }, (_, i) => first + i);
  await Promise.all(
    numbers.map(async (number) => {
      const followed = Promise.withResolvers<void>();
      await followStream(number, createListener(followed.resolve));
      await followed.promise;
    }),
  );
}
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
if (rate.perSecond > 0) dueAt = Number(createToken()) + (rate.tokens / rate.perSecond) * 1_000_000;
await startStreams();
await allReceived.promise;
const result: StreamResult = { tokens: lags.length, events, late, medianLag: spreadOf(lags).median };
process.send?.(result, () => process.exit(0));
