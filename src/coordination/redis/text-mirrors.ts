import type { Citation } from '../../domain/entities.ts';
import type { LiveTexts, WrittenText } from '../live-texts.ts';
import type { Channels } from './channels.ts';
import type { RedisLink } from './link.ts';
import { END, joinDelta, type TextDelta, textNames } from './text-form.ts';

/** What this process knows of an answer that another writes. */
interface Mirror {
  readonly id: string;
  readonly topic: string;
  /** Only ever grows: what is read anew may be less, where Redis has forgotten. */
  written: WrittenText;
  /** `disconnected`: no deltas arrive; `behind`: they do, but something before them is missing. */
  state: 'disconnected' | 'behind' | 'loading' | 'complete';
  /** The deltas that arrived while the whole was being read. */
  early: TextDelta[];
  /** Resolves when what can be had was had. */
  settled: PromiseWithResolvers<void>;
  receivedAt: number;
  usedAt: number;
  leave(): void;
}

/** After so long without a word an answer may have ended, and its end have been lost: the store has to be asked. */
const FRESH_MS = 1_000;
/** Whoever follows an answer reads it every few seconds at least. */
const IDLE_MS = 15_000;

/** The mirrors of one process, by the ids of messages, and what they are kept with. */
interface Mirrors {
  readonly link: RedisLink;
  readonly channels: Channels;
  readonly wake: (topic: string) => void;
  readonly byId: Map<string, Mirror>;
}

/** Makes the part of the texts that reads. */
export function createTextMirrors(
  link: RedisLink,
  channels: Channels,
  wake: (topic: string) => void,
): Pick<LiveTexts, 'peek' | 'read'> & { close(): void } {
  const mirrors: Mirrors = { link, channels, wake, byId: new Map() };
  const sweeping = setInterval(dropIdle, IDLE_MS, mirrors).unref();
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

    close: () => clearInterval(sweeping),
  };
}

function open(mirrors: Mirrors, id: string, topic: string): Mirror {
  const mirror: Mirror = {
    id,
    topic,
    written: { content: '', citations: [] },
    state: 'disconnected',
    early: [],
    settled: Promise.withResolvers(),
    receivedAt: Number.NEGATIVE_INFINITY,
    usedAt: 0,
    leave: mirrors.channels.join(textNames(id).channel, {
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
  mirror.early = [];
  mirror.settled.resolve();
}

function receive(mirrors: Mirrors, mirror: Mirror, message: string): void {
  if (message === END) drop(mirrors, mirror);
  else {
    mirror.receivedAt = performance.now();
    const delta: TextDelta = JSON.parse(message);
    if (mirror.state === 'loading') mirror.early.push(delta);
    else if (append(mirror, delta)) mirror.state = 'complete';
    else load(mirrors, mirror);
  }
  mirrors.wake(mirror.topic);
}

/** Appends what is new; false when something before it is missing. */
function append(mirror: Mirror, delta: TextDelta): boolean {
  const joined = joinDelta(mirror.written, delta);
  if (joined !== undefined) mirror.written = joined;
  return joined !== undefined;
}

/** Reads the whole, and appends the deltas that arrive in the meantime. */
function load({ link }: Mirrors, mirror: Mirror): void {
  const early: TextDelta[] = [];
  const { settled: before } = mirror;
  const settled = Promise.withResolvers<void>();
  // Who waits already waits for this one.
  settled.promise.then(before.resolve);
  Object.assign(mirror, { state: 'loading', early, settled });
  const finish = (deltas: readonly TextDelta[], isRead: boolean) => {
    // It was begun anew since, or nobody listens any more.
    if (mirror.early !== early) return;
    const isWhole = [...deltas, ...early].every((delta) => append(mirror, delta));
    settle(mirror, isRead && isWhole ? 'complete' : 'behind');
  };
  readWhole(link, mirror.id).then(
    (deltas) => finish(deltas, true),
    () => finish([], false),
  );
}

/** The citations first, and none that points beyond the text that comes with it, which may be lost by itself. */
async function readWhole(link: RedisLink, id: string): Promise<TextDelta[]> {
  const names = textNames(id);
  const batch = link.commands.pipeline().lrange(link.nameOf(names.citations), 0, -1).get(link.nameOf(names.text));
  const [list, string] = (await batch.exec()) ?? [];
  if (list?.[0] !== null || string?.[0] !== null) throw new Error('Redis does not answer.');
  const text = (string[1] as string | null) ?? '';
  const citations = (list[1] as string[]).map((json): Citation => JSON.parse(json));
  const beyond = citations.findIndex(({ end }) => end > text.length);
  return [{ offset: 0, text, cited: 0, citations: beyond === -1 ? citations : citations.slice(0, beyond) }];
}
