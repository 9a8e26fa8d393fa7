import type { Citation } from '../../domain/entities.ts';
import type { AnswerText, LiveTexts } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import { END, joinDelta, type TextDelta, textNames } from './text-form.ts';

/** This process's copy of an answer that another process generates. */
interface Mirror {
  readonly id: string;
  readonly topic: string;
  /** Never shrinks, although a new read may return less if Redis has lost some text. */
  written: AnswerText;
  /** `disconnected`: no deltas arrive; `behind`: deltas arrive, but text before them is missing. */
  state: 'disconnected' | 'behind' | 'loading' | 'complete';
  /** The deltas that arrived while the full text was read. */
  earlyDeltas: TextDelta[];
  /** Resolves when the available text has been read. */
  settled: PromiseWithResolvers<void>;
  receivedAt: number;
  usedAt: number;
  leave(): void;
}

/**
 * After this time without a delta, the answer may have ended and the end message may be lost, so the caller reads the
 * store.
 */
const FRESH_MS = 1_000;
/** How long a mirror is kept without a read. The subscribers to an answer read it every few seconds at least. */
const IDLE_MS = 15_000;

/** The mirrors of one process, by message id, and what they need. */
interface Mirrors {
  readonly link: RedisLink;
  readonly channels: Channels;
  readonly wake: (topic: string) => void;
  readonly byId: Map<string, Mirror>;
}

/** Creates the half of the live texts that reads the answers of other processes. */
export function createTextMirrors(
  link: RedisLink,
  channels: Channels,
  wake: (topic: string) => void,
): Pick<LiveTexts, 'peek' | 'read'> & { close(): void } {
  const mirrors: Mirrors = { link, channels, wake, byId: new Map() };
  const sweepTimer = setInterval(dropIdle, IDLE_MS, mirrors).unref();
  return {
    peek(id) {
      const mirror = mirrors.byId.get(id);
      if (mirror === undefined) return undefined;
      const now = performance.now();
      mirror.usedAt = now;
      return mirror.state === 'complete' && now - mirror.receivedAt < FRESH_MS ? mirror.written : undefined;
    },

    async read(id, topic) {
      if (!link.isUp) return mirrors.byId.get(id)?.written;
      const mirror = mirrors.byId.get(id) ?? open(mirrors, id, topic);
      mirror.usedAt = performance.now();
      if (mirror.state === 'behind') load(mirrors, mirror);
      await mirror.settled.promise;
      return mirror.written;
    },

    close: () => clearInterval(sweepTimer),
  };
}

function open(mirrors: Mirrors, id: string, topic: string): Mirror {
  const mirror: Mirror = {
    id,
    topic,
    written: { content: '', citations: [] },
    state: 'disconnected',
    earlyDeltas: [],
    settled: Promise.withResolvers(),
    receivedAt: Number.NEGATIVE_INFINITY,
    usedAt: 0,
    leave: mirrors.channels.subscribe(textNames(id).channel, {
      onMessage: (message) => receive(mirrors, mirror, message),
      onGap: () => (mirrors.link.isUp ? load(mirrors, mirror) : settle(mirror, 'disconnected')),
    }),
  };
  mirrors.byId.set(id, mirror);
  return mirror;
}

function drop(mirrors: Mirrors, mirror: Mirror): void {
  mirrors.byId.delete(mirror.id);
  mirror.leave();
  settle(mirror, 'disconnected');
}

function dropIdle(mirrors: Mirrors): void {
  const since = performance.now() - IDLE_MS;
  for (const mirror of mirrors.byId.values()) if (mirror.usedAt < since) drop(mirrors, mirror);
}

function settle(mirror: Mirror, state: Mirror['state']): void {
  mirror.state = state;
  mirror.earlyDeltas = [];
  mirror.settled.resolve();
}

function receive(mirrors: Mirrors, mirror: Mirror, message: string): void {
  if (message === END) drop(mirrors, mirror);
  else {
    mirror.receivedAt = performance.now();
    const delta: TextDelta = JSON.parse(message);
    if (mirror.state === 'loading') mirror.earlyDeltas.push(delta);
    else if (append(mirror, delta)) mirror.state = 'complete';
    else load(mirrors, mirror);
  }
  mirrors.wake(mirror.topic);
}

/** Appends a delta; false when there is a gap before it. */
function append(mirror: Mirror, delta: TextDelta): boolean {
  const joined = joinDelta(mirror.written, delta);
  if (joined !== undefined) mirror.written = joined;
  return joined !== undefined;
}

/** Reads the full text, and appends the deltas that arrive meanwhile. */
function load({ link }: Mirrors, mirror: Mirror): void {
  const early: TextDelta[] = [];
  const { settled: before } = mirror;
  const settled = Promise.withResolvers<void>();
  // Callers that are waiting already wait for this read, too.
  settled.promise.then(before.resolve);
  mirror.state = 'loading';
  mirror.earlyDeltas = early;
  mirror.settled = settled;
  const finish = (deltas: readonly TextDelta[], isRead: boolean) => {
    // A newer read has started, or the mirror was disconnected.
    if (mirror.earlyDeltas !== early) return;
    const isComplete = [...deltas, ...early].every((delta) => append(mirror, delta));
    settle(mirror, isRead && isComplete ? 'complete' : 'behind');
  };
  readFullText(link, mirror.id).then(
    (deltas) => finish(deltas, true),
    () => finish([], false),
  );
}

/**
 * Reads the citations first, and drops those that point beyond the text, because Redis may lose the text without the
 * citations.
 */
async function readFullText(link: RedisLink, id: string): Promise<TextDelta[]> {
  const names = textNames(id);
  const batch = link.commands.pipeline().lrange(link.nameOf(names.citations), 0, -1).get(link.nameOf(names.text));
  const [citationsReply, textReply] = (await batch.exec()) ?? [];
  if (citationsReply?.[0] !== null || textReply?.[0] !== null) throw new Error('Redis does not answer.');
  const text = (textReply[1] as string | null) ?? '';
  const citations = (citationsReply[1] as string[]).map((json): Citation => JSON.parse(json));
  const firstBeyond = citations.findIndex(({ end }) => end > text.length);
  return [{ offset: 0, text, cited: 0, citations: firstBeyond === -1 ? citations : citations.slice(0, firstBeyond) }];
}
