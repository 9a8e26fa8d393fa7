import { hash } from 'node:crypto';
import type { AnswerText, LiveTexts } from '../live-texts.ts';
import type { CommandBatcher } from './command-batcher.ts';
import type { RedisLink } from './link.ts';
import { END, sliceDelta, type TextDelta, textNames } from './text-form.ts';

/** An answer that this process generates, and how much of it Redis has. */
interface Draft {
  readonly id: string;
  written: AnswerText;
  offset: number;
  bytes: number;
  cited: number;
}

/**
 * How long Redis keeps a text after its last delta: longer than any pause within an answer. So the text of a dead
 * process disappears.
 */
const LIFETIME_MS = 120_000;

/**
 * KEYS: text, citations and channel of each answer. ARGV: the lifetime in ms; then for each answer how many bytes and
 * citations Redis must have, the message to publish, the new text, the number of new citations, and these citations.
 * Appends nothing to a text that was lost, or to an older copy that came back: the length distinguishes them, because
 * every text under this name is a prefix of the same text. A draft of which Redis has nothing replaces what is stored.
 * Returns, for each answer, 1 if it was appended to, else 0.
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

/** Creates the half of the live texts that writes the answers of this process. */
export function createTextWriter(link: RedisLink, batcher: CommandBatcher): Pick<LiveTexts, 'update' | 'end'> {
  const drafts = new Map<string, Draft>();
  const dirty = new Set<Draft>();
  const ended = new Set<string>();
  let pieces: { readonly draft: Draft; readonly delta: TextDelta }[] = [];
  let isScriptLoaded = false;
  let loadsScript = false;

  const requestFlush = batcher.add({
    fill(batch) {
      pieces = [...dirty].map((draft) => ({ draft, delta: sliceDelta(draft.written, draft.offset, draft.cited) }));
      dirty.clear();
      loadsScript = pieces.length > 0 && !isScriptLoaded;
      if (loadsScript) batch.script('LOAD', APPEND);
      const keys = pieces.flatMap(({ draft }) => {
        const { text, citations, channel } = namesOf(draft.id);
        return [text, citations, channel];
      });
      const args = pieces.flatMap(({ draft, delta }) => {
        const citations = delta.citations.map((citation) => JSON.stringify(citation));
        return [draft.bytes, draft.cited, JSON.stringify(delta), delta.text, citations.length, ...citations];
      });
      // One command for all answers: the overhead of a command exceeds the cost of its content.
      if (pieces.length > 0) batch.evalsha(APPEND_SHA, keys.length, ...keys, LIFETIME_MS, ...args);
      for (const id of ended) {
        const { text, citations, channel } = namesOf(id);
        batch.del(text, citations).publish(channel, END);
      }
      ended.clear();
    },

    settle(replies) {
      if (pieces.length === 0) return;
      const [error, added] = replies[loadsScript ? 1 : 0] ?? [];
      isScriptLoaded = !error;
      for (const [index, { draft, delta }] of pieces.entries()) {
        const appended = (added as readonly number[] | undefined)?.[index];
        draft.offset = appended === 1 ? delta.offset + delta.text.length : 0;
        draft.bytes = appended === 1 ? draft.bytes + Buffer.byteLength(delta.text) : 0;
        draft.cited = appended === 1 ? delta.cited + delta.citations.length : 0;
        if (appended === 1 || drafts.get(draft.id) !== draft) continue;
        dirty.add(draft);
        // A text that Redis has lost is sent again immediately; a text that Redis rejects is sent with the next batch.
        if (!error) requestFlush();
      }
    },
  });

  link.onChange(() => {
    // A restarted server has lost the script.
    isScriptLoaded = false;
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
