import { hash } from 'node:crypto';
import type { AnswerText, LiveTexts } from '../live-texts.ts';
import type { RedisLink } from './link.ts';
import type { Outbox } from './outbox.ts';
import { END, sliceDelta, type TextDelta, textNames } from './text-form.ts';

/** An answer that this process generates, and how much of it Redis has. */
interface Draft {
  readonly id: string;
  written: AnswerText;
  offset: number;
  bytes: number;
  cited: number;
}

/** Longer than any pause of an answer. It removes the text of a process that has died. */
const LIFETIME_MS = 120_000;

/**
 * KEYS: text, citations and channel of each answer. ARGV: the lifetime in ms; then for each answer how many bytes and
 * citations Redis must have, the message to publish, the new text, how many citations are new, and those. Appends
 * nothing to a text that was lost, or to an older copy that came back: its length tells it apart, because every text
 * under this name is a beginning of the same text. A draft of which Redis has nothing starts anew. Returns for each 1
 * if appended, else 0.
 */
const APPEND = `
local added, at = {}, 2
for key = 1, #KEYS, 3 do
  local text, list = KEYS[key], KEYS[key + 1]
  local bytes, cited, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 4])
  local isAnew = bytes == 0 and cited == 0
  local joins = isAnew or redis.call('STRLEN', text) == bytes and redis.call('LLEN', list) == cited
  if isAnew then redis.call('DEL', text, list) end
  if joins then
    if ARGV[at + 3] ~= '' then redis.call('APPEND', text, ARGV[at + 3]) end
    for n = at + 5, at + 4 + count do redis.call('RPUSH', list, ARGV[n]) end
    redis.call('PEXPIRE', text, ARGV[1])
    redis.call('PEXPIRE', list, ARGV[1])
    redis.call('PUBLISH', KEYS[key + 2], ARGV[at + 2])
  end
  added[#added + 1] = joins and 1 or 0
  at = at + 5 + count
end
return added`;
const APPEND_SHA = hash('sha1', APPEND);

/** Creates the writing part of the live texts. */
export function createTextWriter(link: RedisLink, outbox: Outbox): Pick<LiveTexts, 'update' | 'end'> {
  const drafts = new Map<string, Draft>();
  const dirty = new Set<Draft>();
  const ended = new Set<string>();
  let sent: { readonly draft: Draft; readonly delta: TextDelta }[] = [];
  let isLoaded = false;
  let hasLoaded = false;

  const requestFlush = outbox.add({
    fill(batch) {
      sent = [...dirty].map((draft) => ({ draft, delta: sliceDelta(draft.written, draft.offset, draft.cited) }));
      dirty.clear();
      hasLoaded = sent.length > 0 && !isLoaded;
      if (hasLoaded) batch.script('LOAD', APPEND);
      const keys = sent.flatMap(({ draft }) => {
        const { text, citations, channel } = namesOf(draft.id);
        return [text, citations, channel];
      });
      const args = sent.flatMap(({ draft, delta }) => {
        const citations = delta.citations.map((citation) => JSON.stringify(citation));
        return [draft.bytes, draft.cited, JSON.stringify(delta), delta.text, citations.length, ...citations];
      });
      // One command for all answers: the overhead of a command exceeds the cost of its content.
      if (sent.length > 0) batch.evalsha(APPEND_SHA, keys.length, ...keys, LIFETIME_MS, ...args);
      for (const id of ended) {
        const { text, citations, channel } = namesOf(id);
        batch.del(text, citations).publish(channel, END);
      }
      ended.clear();
    },

    settle(replies) {
      if (sent.length === 0) return;
      const [error, added] = replies[hasLoaded ? 1 : 0] ?? [];
      isLoaded = !error;
      for (const [index, { draft, delta }] of sent.entries()) {
        const isKept = (added as readonly number[] | undefined)?.[index];
        draft.offset = isKept === 1 ? delta.offset + delta.text.length : 0;
        draft.bytes = isKept === 1 ? draft.bytes + Buffer.byteLength(delta.text) : 0;
        draft.cited = isKept === 1 ? delta.cited + delta.citations.length : 0;
        if (isKept === 1 || drafts.get(draft.id) !== draft) continue;
        dirty.add(draft);
        // A text that Redis has lost is sent again at once; one that Redis rejects, with the next batch.
        if (!error) requestFlush();
      }
    },
  });

  link.onChange(() => {
    // A restarted server has lost the script.
    isLoaded = false;
  });

  function namesOf(id: string) {
    const { text, citations, channel } = textNames(id);
    return { text: link.nameOf(text), citations: link.nameOf(citations), channel: link.nameOf(channel) };
  }

  return {
    update(id, written) {
      const draft = drafts.get(id) ?? { id, written, offset: 0, bytes: 0, cited: 0 };
      drafts.set(id, draft);
      draft.written = written;
      dirty.add(draft);
      requestFlush();
    },

    end(id) {
      const draft = drafts.get(id);
      if (draft === undefined) return;
      drafts.delete(id);
      dirty.delete(draft);
      if (!link.isUp) return;
      ended.add(id);
      requestFlush();
    },
  };
}
