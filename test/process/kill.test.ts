import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { createKillableGateway, type ProcessRun } from '../helpers/killable-gateway.ts';
import { createRandom } from '../helpers/random.ts';
import {
  expectAllReceived,
  expectAllStored,
  expectGaplessLog,
  expectStartedInOrder,
  hasReceivedAllEnds,
  type IndexedState,
  indexState,
  timeOf,
} from './conversation-checks.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { type Conversation, keepSending, startConversation } from './resilient-client.ts';

/** Kills happen at random times. The seed repeats a run as far as process timing allows. */
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);
/** `KILLS=60` makes a long run. */
const KILLS = Number(process.env.KILLS ?? 15);
const CONVERSATIONS = 4;
/** One process in eight is killed while it starts, one in eight after it has saved text, the others in between. */
const STARTING_MS = 250;
const LIFE_MS = 900;
const LONG_LIFE_MS = { min: 2_000, max: 3_500 };
const RECOVERY_MS = 5_000;
const TEST_TIMEOUT = { timeout: 240_000 };
const ENV = { BUILTIN_DELAY_MS: '15', RATE_LIMIT_PER_MINUTE: '1000000' };

/** Checks that the next process recovered the open replies of a killed process. */
function expectRecovered(
  { messagesById, events }: IndexedState,
  { storedAtKill, killedAt = 0 }: ProcessRun,
  runs: readonly ProcessRun[],
): void {
  if (storedAtKill === undefined) return;
  const next = runs.find(({ startedAt, readyAt }) => startedAt >= killedAt && readyAt !== undefined);
  const { startedAt = 0, readyAt = Number.POSITIVE_INFINITY } = next ?? {};
  expect(readyAt - startedAt).toBeLessThan(RECOVERY_MS);
  /** The id of the first queued reply of each conversation. */
  const firstQueuedIds = new Map<string, string>();
  const regeneratingConversationIds = new Set<string>();
  for (const { rating: _, ...row } of storedAtKill.messages) {
    const now = messagesById.get(row.id);
    if (row.status === 'QUEUED')
      firstQueuedIds.set(row.conversation_id, firstQueuedIds.get(row.conversation_id) ?? row.id);
    else if (row.status === 'STREAMING') {
      const { content, citations, stop_asked } = row;
      // No client has seen any of the reply, so it is generated again, and the replies queued behind it keep waiting.
      if (content === '' && citations === '[]') {
        regeneratingConversationIds.add(row.conversation_id);
        continue;
      }
      const status = stop_asked ? 'STOPPED' : 'INTERRUPTED';
      expect(now).toMatchObject({ status, finish_reason: 'ABORTED', content, citations });
      expect(timeOf(now?.completed_at)).toBeLessThanOrEqual(readyAt);
    } else expect(now).toMatchObject(row);
  }
  for (const [conversationId, id] of firstQueuedIds) {
    if (regeneratingConversationIds.has(conversationId)) continue;
    const started = events.find(({ type, message_id }) => type === 'MessageStarted' && message_id === id);
    expect(timeOf(started?.at)).toBeLessThanOrEqual(readyAt);
  }
}

/** Checks that every message acknowledged before a kill was in the database after the kill. */
function expectAcknowledgedStored({ sent }: Conversation, { storedAtKill, killedAt = 0 }: ProcessRun): void {
  const ids = new Set(storedAtKill?.messages.map(({ id }) => id));
  const acknowledged = sent.filter(({ at }) => at < killedAt);
  expect(acknowledged.filter(({ messageId, replyId }) => !ids.has(messageId) || !ids.has(replyId))).toEqual([]);
}

describe('a gateway', () => {
  const title = `loses no acknowledged message and ends all replies if killed ${KILLS} times under load (seed ${SEED})`;
  it(title, TEST_TIMEOUT, async () => {
    const random = createRandom(SEED);
    const gateway = await createKillableGateway(ENV);
    const sending = new AbortController();
    const reading = new AbortController();
    onTestFinished(() => {
      sending.abort();
      reading.abort();
    });
    const { key } = await gateway.liveGateway;
    const chatbotId = await createChatbot({ ...gateway, key }, { fallbackMessage: FALLBACK, sources: [SOURCE] });
    const conversations = await Promise.all(
      Array.from({ length: CONVERSATIONS }, (_, index) =>
        startConversation(
          gateway,
          { chatbotId, questions: [...ANSWERS.keys()], random: createRandom(SEED + index + 1) },
          reading.signal,
        ),
      ),
    );
    const sendingDone = Promise.all(
      conversations.map((conversation) => keepSending(gateway, conversation, sending.signal)),
    );
    let ready: Promise<unknown> = Promise.resolve();
    for (let kill = 0; kill < KILLS; kill++) {
      const roll = random.below(8);
      if (roll > 0) await ready;
      const { min, max } = roll === 1 ? LONG_LIFE_MS : { min: 0, max: roll === 0 ? STARTING_MS : LIFE_MS };
      await Promise.race([setTimeout(min + random.below(max - min)), sendingDone]);
      await gateway.kill();
      ({ ready } = await gateway.start());
    }
    await ready;
    sending.abort();
    await sendingDone;
    await vi.waitFor(() => expect(conversations.map(hasReceivedAllEnds)).not.toContain(false), {
      timeout: 30_000,
      interval: 100,
    });
    reading.abort();
    for (const { readers, replyReaders } of conversations) {
      await Promise.all([...readers, ...replyReaders.values()].map(({ done }) => done));
    }

    const state = indexState(await gateway.readStore());
    const { runs } = gateway;
    const killedRuns = runs.filter(({ killedAt }) => killedAt !== undefined);
    expect(killedRuns).toHaveLength(KILLS);
    // An interrupted reply does not change after the kill of the process that generated it. So that process is the first
    // at whose kill the reply was open with the text that it has in the end.
    const wasStoredAtKill = ({ storedAtKill }: ProcessRun, replyId: string) =>
      storedAtKill?.messages.some(
        ({ id, status, content }) =>
          id === replyId && status === 'STREAMING' && content === state.messagesById.get(replyId)?.content,
      );
    const generatorKilledAt = (replyId: string) =>
      killedRuns.find((run) => wasStoredAtKill(run, replyId))?.killedAt ?? 0;
    expectGaplessLog(state);
    expectStartedInOrder(state);
    for (const run of killedRuns) expectRecovered(state, run, runs);
    for (const conversation of conversations) {
      expectAllStored(state, conversation);
      for (const run of killedRuns) expectAcknowledgedStored(conversation, run);
      for (const { errors } of [...conversation.readers, ...conversation.replyReaders.values()])
        expect(errors).toEqual([]);
      expectAllReceived(state, conversation, generatorKilledAt);
    }
    expect(state.usedMessages).toBe(state.replies.filter(({ content }) => content !== '').length);
    // At least a third of the kills interrupted a reply.
    const interrupted = state.replies.filter(({ status }) => status === 'INTERRUPTED');
    expect(interrupted.length).toBeGreaterThan(KILLS / 3);
    expect(interrupted.some(({ content }) => content !== '')).toBe(true);
  });
});
