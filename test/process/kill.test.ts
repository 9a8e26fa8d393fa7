import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { createKillableGateway, type ProcessRun } from '../helpers/killable-gateway.ts';
import { createRandom } from '../helpers/random.ts';
import {
  type Arranged,
  arrange,
  expectAllReceived,
  expectAllStored,
  expectGaplessLog,
  expectStartedInOrder,
  hasReceivedAllEnds,
  timeOf,
} from './aftermath.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { begin, type Conversation, goOn } from './talk.ts';

/** The kills come at random times. The seed repeats a run as far as process timing allows. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
/** `KILLS=60` makes a long run. */
const KILLS = Number(process.env.KILLS ?? 15);
const CONVERSATIONS = 4;
/** One process in eight is killed while it starts, one in eight after it has saved text, the others in between. */
const STARTING_MS = 250;
const LIFE_MS = 900;
const LONG_LIFE_MS = { min: 2_000, max: 3_500 };
const RECOVERY_MS = 5_000;
const LIMIT = { timeout: 240_000 };
const ENV = { BUILTIN_DELAY_MS: '15', RATE_LIMIT_PER_MINUTE: '1000000' };

/** Checks that the next process recovered what a killed one left behind. */
function expectRecovered(
  { byId, events }: Arranged,
  { left, killedAt = 0 }: ProcessRun,
  lives: readonly ProcessRun[],
): void {
  if (left === undefined) return;
  const next = lives.find(({ startedAt, readyAt }) => startedAt >= killedAt && readyAt !== undefined);
  const { startedAt = 0, readyAt = Number.POSITIVE_INFINITY } = next ?? {};
  expect(readyAt - startedAt).toBeLessThan(RECOVERY_MS);
  const waiting = new Map<string, string>();
  const regenerating = new Set<string>();
  for (const { rating: _, ...row } of left.messages) {
    const now = byId.get(row.id);
    if (row.status === 'QUEUED') waiting.set(row.conversation_id, waiting.get(row.conversation_id) ?? row.id);
    else if (row.status === 'STREAMING') {
      const { content, citations, stop_asked } = row;
      // No client has seen any of the reply, so it is generated again, and the replies queued behind it keep waiting.
      if (content === '' && citations === '[]') {
        regenerating.add(row.conversation_id);
        continue;
      }
      const status = stop_asked ? 'STOPPED' : 'INTERRUPTED';
      expect(now).toMatchObject({ status, finish_reason: 'ABORTED', content, citations });
      expect(timeOf(now?.completed_at)).toBeLessThanOrEqual(readyAt);
    } else expect(now).toMatchObject(row);
  }
  for (const [conversationId, id] of waiting) {
    if (regenerating.has(conversationId)) continue;
    const started = events.find(({ type, message_id }) => type === 'MessageStarted' && message_id === id);
    expect(timeOf(started?.at)).toBeLessThanOrEqual(readyAt);
  }
}

/** Checks that every message acknowledged before a kill was in the database after it. */
function expectAcknowledgedStored({ sent }: Conversation, { left, killedAt = 0 }: ProcessRun): void {
  const ids = new Set(left?.messages.map(({ id }) => id));
  const acknowledged = sent.filter(({ at }) => at < killedAt);
  expect(acknowledged.filter(({ messageId, replyId }) => !ids.has(messageId) || !ids.has(replyId))).toEqual([]);
}

describe('a gateway', () => {
  const title = `loses nothing acknowledged and ends every reply when killed ${KILLS} times under load (seed ${SEED})`;
  it(title, LIMIT, async () => {
    const random = createRandom(SEED);
    const survivor = await createKillableGateway(ENV);
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
    await vi.waitFor(() => expect(conversations.map(hasReceivedAllEnds)).not.toContain(false), {
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
    // A process killed while it starts does not change a reply: the first one that left the text generated it.
    const isLeft = ({ left }: ProcessRun, replyId: string) =>
      left?.messages.some(
        ({ id, status, content }) =>
          id === replyId && status === 'STREAMING' && content === arranged.byId.get(replyId)?.content,
      );
    const killedAt = (replyId: string) => dead.find((life) => isLeft(life, replyId))?.killedAt ?? 0;
    expectGaplessLog(arranged);
    expectStartedInOrder(arranged);
    for (const life of dead) expectRecovered(arranged, life, lives);
    for (const conversation of conversations) {
      expectAllStored(arranged, conversation);
      for (const life of dead) expectAcknowledgedStored(conversation, life);
      for (const { errors } of [...conversation.readers, ...conversation.followers.values()])
        expect(errors).toEqual([]);
      expectAllReceived(arranged, conversation, killedAt);
    }
    expect(arranged.used).toBe(arranged.replies.filter(({ content }) => content !== '').length);
    // Enough of the kills interrupted a reply.
    const cut = arranged.replies.filter(({ status }) => status === 'INTERRUPTED');
    expect(cut.length).toBeGreaterThan(KILLS / 3);
    expect(cut.some(({ content }) => content !== '')).toBe(true);
  });
});
