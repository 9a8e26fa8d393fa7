import { hash } from 'node:crypto';
import type { LiveTexts, WrittenText } from './live-texts.ts';
import type { RedisLink } from './redis.ts';
import type { Outbox } from './redis-outbox.ts';
import { cutDelta, END, type TextDelta, textNames } from './redis-text-form.ts';

/** An answer that is written here, and how much of it stands in Redis. */
interface Draft {
  readonly id: string;
  written: WrittenText;
  offset: number;
  bytes: number;
  cited: number;
}

/** Longer than any answer is silent. Of one whose process has died nothing stays. */
const LIFETIME_MS = 120_000;

/**
 * KEYS: text, citations, channel. ARGV: how many bytes and citations must stand there, the lifetime in ms, the message to
 * tell, the new text, the new citations. A text that was lost, or is an older one that came back, is not added to: by
 * its length it is told apart, because every text under this name is a beginning of the same. From nothing on it is
 * written anew.
 */
const APPEND = `
local bytes, cited = tonumber(ARGV[1]), tonumber(ARGV[2])
if bytes == 0 and cited == 0 then
  redis.call('DEL', KEYS[1], KEYS[2])
elseif redis.call('STRLEN', KEYS[1]) ~= bytes or redis.call('LLEN', KEYS[2]) ~= cited then
  return 0
end
if ARGV[5] ~= '' then redis.call('APPEND', KEYS[1], ARGV[5]) end
for i = 6, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', KEYS[3], ARGV[4])
return 1`;
const APPEND_SHA = hash('sha1', APPEND);

/** Makes the part of the texts that writes. */
export function createTextWriter(link: RedisLink, outbox: Outbox): Pick<LiveTexts, 'grow' | 'end'> {
  const drafts = new Map<string, Draft>();
  const dirty = new Set<Draft>();
  const ended = new Set<string>();
  let sent: { readonly draft: Draft; readonly delta: TextDelta }[] = [];
  let isLoaded = false;
  let hasLoaded = false;

  const haveNews = outbox.add({
    fill(batch) {
      sent = [...dirty].map((draft) => ({ draft, delta: cutDelta(draft.written, draft.offset, draft.cited) }));
      dirty.clear();
      hasLoaded = sent.length > 0 && !isLoaded;
      if (hasLoaded) batch.script('LOAD', APPEND);
      for (const { draft, delta } of sent) {
        const { text, citations, channel } = namesOf(draft.id);
        const added = delta.citations.map((citation) => JSON.stringify(citation));
        const args = [draft.bytes, draft.cited, LIFETIME_MS, JSON.stringify(delta), delta.text, ...added];
        batch.evalsha(APPEND_SHA, 3, text, citations, channel, ...args);
      }
      for (const id of ended) {
        const { text, citations, channel } = namesOf(id);
        batch.del(text, citations).publish(channel, END);
      }
      ended.clear();
    },

    settle(replies) {
      if (sent.length === 0) return;
      const answers = hasLoaded ? replies.slice(1) : replies;
      isLoaded = sent.every((_, index) => !answers[index]?.[0]);
      for (const [index, { draft, delta }] of sent.entries()) {
        const [error, isKept] = answers[index] ?? [];
        draft.offset = isKept === 1 ? delta.offset + delta.text.length : 0;
        draft.bytes = isKept === 1 ? draft.bytes + Buffer.byteLength(delta.text) : 0;
        draft.cited = isKept === 1 ? delta.cited + delta.citations.length : 0;
        if (isKept === 1 || drafts.get(draft.id) !== draft) continue;
        dirty.add(draft);
        // What Redis has lost is told anew at once; what it does not take, with what comes next.
        if (!error) haveNews();
      }
    },
  });

  link.onChange(() => {
    // A server that was started anew has forgotten it.
    isLoaded = false;
  });

  function namesOf(id: string) {
    const { text, citations, channel } = textNames(id);
    return { text: link.nameOf(text), citations: link.nameOf(citations), channel: link.nameOf(channel) };
  }

  return {
    grow(id, written) {
      const draft = drafts.get(id) ?? { id, written, offset: 0, bytes: 0, cited: 0 };
      drafts.set(id, draft);
      draft.written = written;
      dirty.add(draft);
      haveNews();
    },

    end(id) {
      const draft = drafts.get(id);
      if (draft === undefined) return;
      drafts.delete(id);
      dirty.delete(draft);
      if (!link.isUp) return;
      ended.add(id);
      haveNews();
    },
  };
}
