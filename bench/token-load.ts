/**
 * Follows streams and reports the received tokens. It sends `ready` to its parent process when it follows all streams,
 * waits for a message, starts the streams, and sends a `Delivery` at their end.
 *
 * `node bench/token-load.ts <order as JSON>`
 */

import { spreadOf } from './benchmark.ts';
import { type Score, stamp, TOKEN_LENGTH } from './conductor.ts';
import type { BenchAccount } from './data.ts';
import { ask, followSse, type Listener, openSocket, type Socket, SUBSCRIPTIONS } from './token-client.ts';

/** The streams to follow. */
export interface Order {
  readonly kind: 'sse' | 'graphql-ws' | keyof typeof SUBSCRIPTIONS;
  readonly url: string;
  /** The server that the streams are read from: `url`, or another node of its cluster. */
  readonly readUrl: string;
  readonly account: BenchAccount;
  readonly streams: number;
  readonly score: Score;
  /** The server that starts the streams; absent: `url`. */
  readonly beginUrl?: string;
  /** The number of the gateway's streams per connection; 1 if absent. */
  readonly perSocket?: number;
  /** If present, all streams follow one reply: with the same query, or each with a different alias. */
  readonly audience?: 'alike' | 'distinct';
}

/** The received tokens. */
export interface Delivery {
  readonly tokens: number;
  /** The number of events: fewer than tokens if an event has several. */
  readonly events: number;
  /** The number of tokens that had not arrived when the last one was due. */
  readonly late: number;
  /** The median time from the creation of a token to its arrival, in microseconds. */
  readonly medianLag: number;
}

const order: Order = JSON.parse(process.argv[2] ?? '');
const { kind, url, readUrl, beginUrl = url, account, streams, score, perSocket = 1, audience } = order;

const question = 'Where is my parcel?';
const sharedReply = audience && (await ask(url, account, question));
const sockets: Promise<Socket>[] = [];

/** Follows one stream; the gateway first gets a question, unless all streams follow one reply. */
async function follow(number: number, listener: Listener): Promise<void> {
  if (kind === 'sse') return followSse(readUrl, listener);
  if (kind === 'graphql-ws') {
    return (await openSocket(readUrl)).subscribe('subscription { tokens { offset text } }', {}, listener);
  }
  const { query, variables } = SUBSCRIPTIONS[kind];
  const reply = sharedReply ?? (await ask(url, account, question));
  const at = Math.floor(number / perSocket);
  sockets[at] ??= openSocket(readUrl, account.key);
  const text = audience === 'distinct' ? query.replace(kind, `name${number}: ${kind}`) : query;
  (await sockets[at]).subscribe(text, variables(reply), listener);
}

function begin(): Promise<unknown> {
  const text = JSON.stringify(score);
  return kind === 'sse' || kind === 'graphql-ws' || beginUrl !== url
    ? fetch(`${beginUrl}/begin?${encodeURIComponent(text)}`)
    : ask(url, account, text);
}

const lags: number[] = [];
let events = 0;
let late = 0;
let dueAt = Number.POSITIVE_INFINITY;
const complete = Promise.withResolvers<void>();

function listen(followed: () => void): Listener {
  return ({ text = '' }) => {
    followed();
    if (text === '') return;
    events++;
    const now = Number(stamp());
    if (now > dueAt) late += text.length / TOKEN_LENGTH;
    for (let at = 0; at < text.length; at += TOKEN_LENGTH) lags.push(now - Number(text.slice(at, at + TOKEN_LENGTH)));
    if (lags.length === streams * score.tokens) complete.resolve();
  };
}

/** The maximum number of streams opened at the same time: a shared database allows few concurrent writes. */
const AT_ONCE = 100;

for (let first = 0; first < streams; first += AT_ONCE) {
  const numbers = Array.from({ length: Math.min(AT_ONCE, streams - first) }, (_, i) => first + i);
  await Promise.all(
    numbers.map(async (number) => {
      const followed = Promise.withResolvers<void>();
      await follow(number, listen(followed.resolve));
      await followed.promise;
    }),
  );
}
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
if (score.perSecond > 0) dueAt = Number(stamp()) + (score.tokens / score.perSecond) * 1_000_000;
await begin();
await complete.promise;
const delivery: Delivery = { tokens: lags.length, events, late, medianLag: spreadOf(lags).median };
process.send?.(delivery, () => process.exit(0));
