import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { collectTexts, endsMessage, listStages } from '../helpers/conversations.ts';
import { createRandom } from '../helpers/random.ts';
import type { StreamEvent } from '../helpers/streams.ts';
import { createSurvivor, type Life, type Store } from '../helpers/survivor.ts';
import { begin, type Conversation, goOn, hasEnded } from './talk.ts';

/** The moments are other ones in every run; a run is repeated by its seed, as far as processes can be. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
const KILLS = 50;
const CONVERSATIONS = 4;
/** One in eight dies while it starts, and one in eight lives long enough to save something; the others are in between. */
const STARTING_MS = 250;
const LIFE_MS = 900;
const LONG_LIFE_MS = { min: 2_000, max: 3_500 };
const RECOVERY_MS = 5_000;
/** What is older than that is saved: a second, and another for a machine that has more to do. */
const SAVED_WITHIN_MS = 2_000;
const LIMIT = { timeout: 240_000 };
const ENV = { BUILTIN_DELAY_MS: '15', RATE_LIMIT_PER_MINUTE: '1000000' };

/** What is asked, and what is answered: out of the source, but for the last, which takes four seconds. */
const OPEN = 'The shop 👩🏽‍🔧 opens at nine on weekdays, 𝔘nicode or not.';
const RETURNS = 'The shop pays the postage of a returned parcel 📦.';
const SOURCE = `# Opening hours 🕘\n\n${OPEN}\n\n# Returns\n\n${RETURNS}`;
const FALLBACK = Array.from({ length: 150 }, (_, index) => `${index} ${['words', '👍🏽', 'é', '𝔘'][index % 4]}`).join();
const ANSWERS = new Map([
  ['When does the shop open on weekdays?', OPEN],
  ['Who pays the postage of a returned parcel?', RETURNS],
  ['Xylophones?', FALLBACK],
]);

const timeOf = (at: string | null | undefined) => Date.parse(at ?? '');

/** What is stored, with the messages by id. */
function arrange(store: Store) {
  const byId = new Map(store.messages.map((row) => [row.id, row]));
  const replies = store.messages.filter(({ role }) => role === 'ASSISTANT');
  const wholeOf = (id: string) => ANSWERS.get(byId.get(byId.get(id)?.parent_id ?? '')?.content ?? '') ?? '';
  return { ...store, byId, replies, wholeOf };
}

type Arranged = ReturnType<typeof arrange>;

function expectWholeLog({ events, conversations }: Arranged): void {
  for (const { id, last_event } of conversations) {
    const own = events.filter(({ conversation_id }) => conversation_id === id);
    expect(own.map(({ number }) => number)).toEqual(own.map((_, index) => index + 1));
    expect(last_event).toBe(own.length);
  }
  const chatbotNumbers = events.map(({ chatbot_number }) => chatbot_number).sort((a, b) => a - b);
  expect(chatbotNumbers).toEqual(chatbotNumbers.map((_, index) => index + 1));
}

/** Checks what became of what one process left behind. */
function expectRecovered({ byId, events }: Arranged, { left, killedAt = 0 }: Life, lives: readonly Life[]): void {
  if (left === undefined) return;
  const next = lives.find(({ startedAt, readyAt }) => startedAt >= killedAt && readyAt !== undefined);
  const { startedAt = 0, readyAt = Number.POSITIVE_INFINITY } = next ?? {};
  expect(readyAt - startedAt).toBeLessThan(RECOVERY_MS);
  const waiting = new Map<string, string>();
  for (const { rating: _, ...row } of left.messages) {
    const now = byId.get(row.id);
    if (row.status === 'QUEUED') waiting.set(row.conversation_id, waiting.get(row.conversation_id) ?? row.id);
    else if (row.status === 'STREAMING') {
      const { content, citations } = row;
      expect(now).toMatchObject({ status: 'INTERRUPTED', finish_reason: 'ABORTED', content, citations });
      expect(timeOf(now?.completed_at)).toBeLessThanOrEqual(readyAt);
    } else expect(now).toMatchObject(row);
  }
  for (const id of waiting.values()) {
    const started = events.find(({ type, message_id }) => type === 'MessageStarted' && message_id === id);
    expect(timeOf(started?.at)).toBeLessThanOrEqual(readyAt);
  }
}

const ENDS = { COMPLETED: 'MessageCompleted', STOPPED: 'MessageStopped', INTERRUPTED: 'MessageInterrupted' };

/** Checks that nothing is lost or doubled, not even for a while, and that everything is in its order. */
function expectAllStored(
  { messages, events }: Arranged,
  { conversationId, sent }: Conversation,
  dead: readonly Life[],
): void {
  const own = messages.filter(({ conversation_id }) => conversation_id === conversationId);
  expect(own.map(({ id }) => id)).toEqual(sent.flatMap(({ messageId, replyId }) => [messageId, replyId]));
  expect(own.filter(({ role }) => role === 'USER').map(({ content }) => content)).toEqual(
    sent.map(({ input }) => input.content),
  );
  for (const { id, role, status } of own) {
    const types = events.filter(({ message_id }) => message_id === id).map(({ type }) => type);
    const end = ENDS[status as keyof typeof ENDS];
    expect(end, `${id} ${status}`).toBeDefined();
    if (role === 'USER') expect(types).toEqual(['MessageCreated']);
    else expect(types.join()).toMatch(new RegExp(`^MessageCreated(,MessageStarted)?,${end}$`));
  }
  for (const { left, killedAt = 0 } of dead) {
    const ids = new Set(left?.messages.map(({ id }) => id));
    const acknowledged = sent.filter(({ at }) => at < killedAt);
    expect(acknowledged.filter(({ messageId, replyId }) => !ids.has(messageId) || !ids.has(replyId))).toEqual([]);
  }
}

/** Checks what one reader was told of one reply, of which only what was saved is left where a process died. */
function expectTold({ byId, wholeOf }: Arranged, events: readonly StreamEvent[], id: string, killedAt: number): void {
  const { status = '', content = '', citations = '[]' } = byId.get(id) ?? {};
  const [end, ...more] = events.filter((event) => endsMessage(event, id));
  expect([end?.__typename, end?.message?.status, end?.message?.content, more]).toEqual([
    ENDS[status as keyof typeof ENDS],
    status,
    content,
    [],
  ]);
  const text = collectTexts(events)[id] ?? '';
  const quotes = events.flatMap((event) => (event.messageId === id ? (event.citation?.quote ?? []) : []));
  const saved = JSON.parse(citations).map(({ quote }: { quote: string }) => quote);
  const whole = wholeOf(id);
  expect(text).toBe(status === 'COMPLETED' ? whole : whole.slice(0, text.length));
  if (status !== 'INTERRUPTED') {
    expect([text, quotes]).toEqual([content, saved]);
    return;
  }
  expect(text.slice(0, content.length)).toBe(content);
  expect(quotes.slice(0, saved.length)).toEqual(saved);
  for (const { messageId, at, offset = 0, text: piece = '' } of events) {
    if (messageId !== id || timeOf(at) > killedAt - SAVED_WITHIN_MS) continue;
    expect(offset + piece.length).toBeLessThanOrEqual(content.length);
  }
}

/** Checks what everybody was told who followed a conversation, or one of its replies. */
function expectAllTold(arranged: Arranged, conversation: Conversation, dead: readonly Life[]): void {
  const { conversationId, sent, readers, followers } = conversation;
  const log = arranged.events.filter(({ conversation_id }) => conversation_id === conversationId);
  const stages = log.map(({ type, message_id }) => `${type} ${message_id}`);
  // They came when the first reply was under way.
  for (const { events } of readers) expect(listStages(events)).toEqual(stages.slice(1));
  for (const { events, errors } of [...readers, ...followers.values()]) {
    expect(errors).toEqual([]);
    expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
  }
  for (const { replyId } of sent) {
    const died = dead.find(({ left }) =>
      left?.messages.some(({ id, status }) => id === replyId && status === 'STREAMING'),
    );
    const own = followers.get(replyId)?.events ?? [];
    expect(listStages(own).join()).toMatch(/^MessageCreated [^,]+(,MessageStarted [^,]+)?,[^,]+$/);
    for (const events of [own, ...readers.map((reader) => reader.events)]) {
      expectTold(arranged, events, replyId, died?.killedAt ?? 0);
    }
  }
}

/** Whether everybody was told the end of every reply. */
function isAllTold({ sent, readers, followers }: Conversation): boolean {
  return sent.every(({ replyId }) => {
    const own = followers.get(replyId);
    return own !== undefined && [own, ...readers].every((reader) => hasEnded(reader, replyId));
  });
}

describe('a process', () => {
  const title = `killed ${KILLS} times under load loses nothing acknowledged, and ends every answer (seed ${SEED})`;
  it(title, LIMIT, async () => {
    const random = createRandom(SEED);
    const survivor = await createSurvivor(ENV);
    const sending = new AbortController();
    const over = new AbortController();
    onTestFinished(() => {
      sending.abort();
      over.abort();
    });
    const { key } = await survivor.current;
    const chatbotId = await createChatbot({ ...survivor, key }, { fallbackMessage: FALLBACK, sources: [SOURCE] });
    const conversations = await Promise.all(
      Array.from({ length: CONVERSATIONS }, (_, index) =>
        begin(
          survivor,
          { chatbotId, questions: [...ANSWERS.keys()], random: createRandom(SEED + index + 1) },
          over.signal,
        ),
      ),
    );
    const going = Promise.all(conversations.map((conversation) => goOn(survivor, conversation, sending.signal)));
    let ready: Promise<unknown> = Promise.resolve();
    for (let kill = 0; kill < KILLS; kill++) {
      const dice = random.below(8);
      if (dice > 0) await ready;
      const { min, max } = dice === 1 ? LONG_LIFE_MS : { min: 0, max: dice === 0 ? STARTING_MS : LIFE_MS };
      await Promise.race([setTimeout(min + random.below(max - min)), going]);
      await survivor.kill();
      ({ ready } = await survivor.start());
    }
    await ready;
    sending.abort();
    await going;
    await vi.waitFor(() => expect(conversations.map(isAllTold)).not.toContain(false), {
      timeout: 30_000,
      interval: 100,
    });
    over.abort();
    for (const { readers, followers } of conversations) {
      await Promise.all([...readers, ...followers.values()].map(({ done }) => done));
    }

    const arranged = arrange(await survivor.readStore());
    const { lives } = survivor;
    const dead = lives.filter(({ killedAt }) => killedAt !== undefined);
    expect(dead).toHaveLength(KILLS);
    expectWholeLog(arranged);
    for (const life of dead) expectRecovered(arranged, life, lives);
    for (const conversation of conversations) {
      expectAllStored(arranged, conversation, dead);
      expectAllTold(arranged, conversation, dead);
    }
    expect(arranged.used).toBe(arranged.replies.filter(({ content }) => content !== '').length);
    // The moments were such that it mattered.
    const cut = arranged.replies.filter(({ status }) => status === 'INTERRUPTED');
    expect(cut.length).toBeGreaterThan(KILLS / 3);
    expect(cut.some(({ content }) => content !== '')).toBe(true);
  });
});
