/**
 * Follows streams, each over a connection of its own, and tells what arrived. It sends `ready` to its parent when all
 * are followed, waits for a word, lets them begin, and sends a `Delivery`.
 *
 * `node bench/token-load.ts <order as JSON>`
 */

import { spreadOf } from './benchmark.ts';
import { type Score, stamp, TOKEN_LENGTH } from './conductor.ts';
import type { BenchAccount } from './data.ts';
import { ask, followSse, type Listener, openSocket, type Socket, SUBSCRIPTIONS } from './token-client.ts';

/** What to follow. */
export interface Order {
  readonly kind: 'sse' | 'graphql-ws' | keyof typeof SUBSCRIPTIONS;
  readonly url: string;
  /** Where the streams are followed: `url`, or a server that shares them. */
  readonly readUrl: string;
  readonly account: BenchAccount;
  readonly streams: number;
  readonly score: Score;
  /** What makes the streams begin; absent: `url`. */
  readonly beginUrl?: string;
  /** How many streams of the gateway share a connection; 1 where absent. */
  readonly perSocket?: number;
  /** Whether all follow one answer of the gateway: asking for the same, or each by a name of its own. */
  readonly audience?: 'alike' | 'distinct';
}

/** What arrived. */
export interface Delivery {
  readonly tokens: number;
  /** Fewer than tokens where some came together. */
  readonly events: number;
  /** Tokens that had not arrived when the last one was due. */
  readonly late: number;
  /** From the making of a token to its arrival, in microseconds. */
  readonly medianLag: number;
}

const order: Order = JSON.parse(process.argv[2] ?? '');
const { kind, url, readUrl, beginUrl = url, account, streams, score, perSocket = 1, audience } = order;

const question = 'Where is my parcel?';
const onlyAnswer = audience && (await ask(url, account, question));
const sockets: Promise<Socket>[] = [];

/** Follows one stream; the gateway is asked the question first. */
async function follow(number: number, listener: Listener): Promise<void> {
  if (kind === 'sse') return followSse(readUrl, listener);
  if (kind === 'graphql-ws') {
    return (await openSocket(readUrl)).subscribe('subscription { tokens { offset text } }', {}, listener);
  }
  const { query, variables } = SUBSCRIPTIONS[kind];
  const asked = onlyAnswer ?? (await ask(url, account, question));
  const at = Math.floor(number / perSocket);
  sockets[at] ??= openSocket(readUrl, account.key);
  const text = audience === 'distinct' ? query.replace(kind, `name${number}: ${kind}`) : query;
  (await sockets[at]).subscribe(text, variables(asked), listener);
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
const all = Promise.withResolvers<void>();

function listen(followed: () => void): Listener {
  return ({ text = '' }) => {
    followed();
    if (text === '') return;
    events++;
    const now = Number(stamp());
    if (now > dueAt) late += text.length / TOKEN_LENGTH;
    for (let at = 0; at < text.length; at += TOKEN_LENGTH) lags.push(now - Number(text.slice(at, at + TOKEN_LENGTH)));
    if (lags.length === streams * score.tokens) all.resolve();
  };
}

/** No more begin at once, as a store that is shared lets few write at a time. */
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
await all.promise;
const delivery: Delivery = { tokens: lags.length, events, late, medianLag: spreadOf(lags).median };
process.send?.(delivery, () => process.exit(0));
