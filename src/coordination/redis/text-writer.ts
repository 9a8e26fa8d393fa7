import { hash } from 'node:crypto';
import type { AnswerText, LiveTexts } from '../live-texts.ts';
import type { CommandBatcher } from './command-batcher.ts';
import type { RedisLink } from './link.ts';
import { END_MESSAGE, sliceDelta, type TextDelta, textNames } from './text-deltas.ts';

/** An answer that this process generates, and how much of it Redis has stored. */
interface Draft {
  readonly id: string;
  answerText: AnswerText;
  /** In UTF-16 units. */
  storedChars: number;
  storedBytes: number;
  storedCitations: number;
}

/**
 * How long Redis keeps a text after its last delta: longer than any pause within an answer. The expiry removes the
 * texts of dead processes.
 */
const LIFETIME_MS = 120_000;

/**
 * KEYS: text, citations and channel of each answer. ARGV: the lifetime in ms; then for each answer the expected stored
 * bytes and citations, the message to publish, the new text, the number of new citations, and these citations. The
 * script appends only if the stored lengths are the expected ones. Otherwise Redis has lost the text or restored an
 * older copy; comparing lengths is enough, because every text under this name is a prefix of the same text. If the
 * expected lengths are 0, the delta replaces what is stored. Returns for each answer 1 if the delta was stored, else 0.
 */
const APPEND_SCRIPT = `
local added, at = {}, 2
for key = 1, #KEYS, 3 do
  local text, list = KEYS[key], KEYS[key + 1]
  local bytes, storedCitations, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 4])
  local isFirst = bytes == 0 and storedCitations == 0
  local isExpected = isFirst
    or redis.call('STRLEN', text) == bytes and redis.call('LLEN', list) == storedCitations
  if isFirst then redis.call('DEL', text, list) end
  if isExpected then
    if ARGV[at + 3] ~= '' then redis.call('APPEND', text, ARGV[at + 3]) end
    for n = at + 5, at + 4 + count do redis.call('RPUSH', list, ARGV[n]) end
    redis.call('PEXPIRE', text, ARGV[1])
    redis.call('PEXPIRE', list, ARGV[1])
    redis.call('PUBLISH', KEYS[key + 2], ARGV[at + 2])
  end
  added[#added + 1] = isExpected and 1 or 0
  at = at + 5 + count
end
return added`;
const APPEND_SHA = hash('sha1', APPEND_SCRIPT);

function scriptArgsOf({ storedBytes, storedCitations }: Draft, delta: TextDelta): (string | number)[] {
  const citations = delta.citations.map((citation) => JSON.stringify(citation));
  return [storedBytes, storedCitations, JSON.stringify(delta), delta.text, citations.length, ...citations];
}

/** Creates the half of the live texts that writes the answers of this process. */
export function createTextWriter(link: RedisLink, batcher: CommandBatcher): Pick<LiveTexts, 'update' | 'end'> {
  const drafts = new Map<string, Draft>();
  const dirty = new Set<Draft>();
  const endedIds = new Set<string>();
  let sentDeltas: { readonly draft: Draft; readonly delta: TextDelta }[] = [];
  let isScriptLoaded = false;
  let isScriptInBatch = false;

  const requestFlush = batcher.add({
    addCommands(batch) {
      sentDeltas = [...dirty].map((draft) => ({
        draft,
        delta: sliceDelta(draft.answerText, draft.storedChars, draft.storedCitations),
      }));
      dirty.clear();
      isScriptInBatch = sentDeltas.length > 0 && !isScriptLoaded;
      if (isScriptInBatch) batch.script('LOAD', APPEND_SCRIPT);
      const keys = sentDeltas.flatMap(({ draft }) => {
        const { text, citations, channel } = namesOf(draft.id);
        return [text, citations, channel];
      });
      const args = sentDeltas.flatMap(({ draft, delta }) => scriptArgsOf(draft, delta));
      // One command for all answers: the overhead of a command exceeds the cost of its content.
      if (sentDeltas.length > 0) batch.evalsha(APPEND_SHA, keys.length, ...keys, LIFETIME_MS, ...args);
      for (const id of endedIds) {
        const { text, citations, channel } = namesOf(id);
        batch.del(text, citations).publish(channel, END_MESSAGE);
      }
      endedIds.clear();
    },

    handleReplies(replies) {
      if (sentDeltas.length === 0) return;
      const [error, added] = replies[isScriptInBatch ? 1 : 0] ?? [];
      isScriptLoaded = !error;
      for (const [index, { draft, delta }] of sentDeltas.entries()) {
        const appended = (added as readonly number[] | undefined)?.[index];
        draft.storedChars = appended === 1 ? delta.offset + delta.text.length : 0;
        draft.storedBytes = appended === 1 ? draft.storedBytes + Buffer.byteLength(delta.text) : 0;
        draft.storedCitations = appended === 1 ? delta.cited + delta.citations.length : 0;
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
    update(id, answerText) {
      const draft = drafts.get(id) ?? { id, answerText, storedChars: 0, storedBytes: 0, storedCitations: 0 };
      drafts.set(id, draft);
      draft.answerText = answerText;
      dirty.add(draft);
      requestFlush();
    },

    end(id) {
      const draft = drafts.get(id);
      if (draft === undefined) return;
      drafts.delete(id);
      dirty.delete(draft);
      if (!link.isUp) return;
      endedIds.add(id);
      requestFlush();
    },
  };
}
