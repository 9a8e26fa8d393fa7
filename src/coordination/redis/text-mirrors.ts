import type { Citation } from '../../domain/entities.ts';
import type { AnswerText, LiveTexts } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import { END_MESSAGE, joinDelta, type TextDelta, textNames } from './text-deltas.ts';

/** This process's copy of an answer that another process generates. */
interface Mirror {
  readonly id: string;
  readonly topic: string;
  /** Never shrinks, even if Redis has lost some text and a new read returns less. */
  answerText: AnswerText;
  /** `disconnected`: no deltas arrive; `behind`: deltas arrive, but text before them is missing. */
  state: 'disconnected' | 'behind' | 'loading' | 'complete';
  /** The deltas that arrived while the full text was read. */
  earlyDeltas: TextDelta[];
  /** Resolves when the current read of the text has ended. */
  loaded: PromiseWithResolvers<void>;
  receivedAt: number;
  usedAt: number;
  unsubscribe(): void;
}

/**
 * A mirror without a delta for this time is stale: the answer may have ended, and the end message may be lost. Its
 * readers then read the store.
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
      return mirror.state === 'complete' && now - mirror.receivedAt < FRESH_MS ? mirror.answerText : undefined;
    },

    async read(id, topic) {
      if (!link.isUp) return mirrors.byId.get(id)?.answerText;
      const mirror = mirrors.byId.get(id) ?? open(mirrors, id, topic);
      mirror.usedAt = performance.now();
      if (mirror.state === 'behind') load(mirrors, mirror);
      await mirror.loaded.promise;
      return mirror.answerText;
    },

    close: () => clearInterval(sweepTimer),
  };
}

function open(mirrors: Mirrors, id: string, topic: string): Mirror {
  const mirror: Mirror = {
    id,
    topic,
    answerText: { content: '', citations: [] },
    state: 'disconnected',
    earlyDeltas: [],
    loaded: Promise.withResolvers(),
    receivedAt: Number.NEGATIVE_INFINITY,
    usedAt: 0,
    unsubscribe: mirrors.channels.subscribe(textNames(id).channel, {
      onMessage: (message) => receive(mirrors, mirror, message),
      onGap: () => (mirrors.link.isUp ? load(mirrors, mirror) : finishLoad(mirror, 'disconnected')),
    }),
  };
  mirrors.byId.set(id, mirror);
  return mirror;
}

function drop(mirrors: Mirrors, mirror: Mirror): void {
  mirrors.byId.delete(mirror.id);
  mirror.unsubscribe();
  finishLoad(mirror, 'disconnected');
}

function dropIdle(mirrors: Mirrors): void {
  const since = performance.now() - IDLE_MS;
  for (const mirror of mirrors.byId.values()) if (mirror.usedAt < since) drop(mirrors, mirror);
}

function finishLoad(mirror: Mirror, state: Mirror['state']): void {
  mirror.state = state;
  mirror.earlyDeltas = [];
  mirror.loaded.resolve();
}

function receive(mirrors: Mirrors, mirror: Mirror, message: string): void {
  if (message === END_MESSAGE) drop(mirrors, mirror);
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
  const joined = joinDelta(mirror.answerText, delta);
  if (joined !== undefined) mirror.answerText = joined;
  return joined !== undefined;
}

/** Reads the full text, and appends the deltas that arrive meanwhile. */
function load({ link }: Mirrors, mirror: Mirror): void {
  const earlyDeltas: TextDelta[] = [];
  const { loaded: previousLoad } = mirror;
  const loaded = Promise.withResolvers<void>();
  // Callers that wait for the previous read wait for this one instead.
  loaded.promise.then(previousLoad.resolve);
  mirror.state = 'loading';
  mirror.earlyDeltas = earlyDeltas;
  mirror.loaded = loaded;
  const endLoad = (deltas: readonly TextDelta[], isRead: boolean) => {
    // A newer read has started, or the mirror was disconnected.
    if (mirror.earlyDeltas !== earlyDeltas) return;
    const isComplete = [...deltas, ...earlyDeltas].every((delta) => append(mirror, delta));
    finishLoad(mirror, isRead && isComplete ? 'complete' : 'behind');
  };
  readFullText(link, mirror.id).then(
    (deltas) => endLoad(deltas, true),
    () => endLoad([], false),
  );
}

/**
 * Reads the citations, then the text, and drops citations that point beyond the text, because Redis may lose the text
 * without the citations.
 */
async function readFullText(link: RedisLink, id: string): Promise<TextDelta[]> {
  const names = textNames(id);
  const batch = link.commands.pipeline().lrange(link.nameOf(names.citations), 0, -1).get(link.nameOf(names.text));
  const [citationsReply, textReply] = (await batch.exec()) ?? [];
  if (citationsReply?.[0] !== null || textReply?.[0] !== null) throw new Error('Redis returned no text.');
  const text = (textReply[1] as string | null) ?? '';
  const citations = (citationsReply[1] as string[]).map((json): Citation => JSON.parse(json));
  const firstBeyond = citations.findIndex(({ end }) => end > text.length);
  return [{ offset: 0, text, cited: 0, citations: firstBeyond === -1 ? citations : citations.slice(0, firstBeyond) }];
}
