import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** Within 20 seconds, the watcher finds replies that no node generates; a busy machine needs longer. */
const RECOVERY_WAIT = { timeout: 40_000, interval: 100 };
const LIMIT = { timeout: 90_000 };
const CONVERSATION_COUNT = 25;

async function open() {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(8).fill(finish)));
  return { gateway, engine, chatbotId: await createChatbot(gateway) };
}

/** Makes transactions that end a reply fail with an unexpected error. @returns a function that lets them succeed. */
function failReplyEnds({ deps }: TestGateway): () => void {
  const { transaction } = deps.db;
  const spy = vi.spyOn(deps.db, 'transaction').mockImplementation((work) =>
    transaction(async (trx) => {
      const result = await work(trx);
      if (String(work).includes('storeReplyEnd')) throw new Error('An error that nobody expects.');
      return result;
    }),
  );
  return () => spy.mockRestore();
}

describe('a reply whose end cannot be stored', () => {
  it('is completed once the database accepts the end, and the conversation continues', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const first = await send(gateway, { chatbotId, content: 'One?' });
    const second = await send(gateway, { conversationId: first.conversationId, content: 'Two?' });
    const repair = failReplyEnds(gateway);
    engine.push(delta('First.'), finish);
    await vi.waitFor(() =>
      expect(gateway.logs.map(({ msg }) => msg)).toContain('cannot store the end of a reply; retrying'),
    );
    repair();
    engine.push(delta('Second.'), finish);
    const texts = { [first.replyId]: 'First.', [second.replyId]: 'Second.' };
    for (const [id, content] of Object.entries(texts)) {
      await vi.waitFor(async () => {
        expect(await readMessage(gateway, id)).toMatchObject({ status: 'COMPLETED', content });
      }, RECOVERY_WAIT);
    }
  });

  it('is recovered by the watcher after its node stops retrying, and the conversation continues', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const first = await send(gateway, { chatbotId, content: 'One?' });
    const second = await send(gateway, { conversationId: first.conversationId, content: 'Two?' });
    const repair = failReplyEnds(gateway);
    engine.push(delta('First.'), finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0), RECOVERY_WAIT);
    repair();
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, first.replyId)).toMatchObject({ status: 'INTERRUPTED', content: 'First.' });
    }, RECOVERY_WAIT);
    engine.push(delta('Second.'), finish);
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, second.replyId)).toMatchObject({ status: 'COMPLETED' });
    }, RECOVERY_WAIT);
  });

  it('can be stopped before it is recovered', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { replyId } = await send(gateway, { chatbotId, content: 'One?' });
    const repair = failReplyEnds(gateway);
    engine.push(delta('First.'), finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0), RECOVERY_WAIT);
    repair();
    const selection = 'reply { status }';
    const { reply } = await mutate<{ reply: { status: string } }>(
      gateway,
      'stopMessage',
      { id: replyId },
      { selection },
    );
    expect(['STOPPED', 'INTERRUPTED']).toContain(reply.status);
  });
});

describe('stopMessage while the generating node cannot store the end of the reply', () => {
  it('still returns the reply, which becomes STOPPED once the database accepts the end', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { replyId } = await send(gateway, { chatbotId, content: 'One?' });
    await vi.waitFor(() => expect(engine.questionCount).toBe(1), RECOVERY_WAIT);
    const repair = failReplyEnds(gateway);
    const answer = await mutate(gateway, 'stopMessage', { id: replyId }, { selection: 'reply { id }' });
    expect(answer).toMatchObject({ reply: { id: replyId } });
    expect(gateway.logs.map(({ msg }) => msg)).toContain('cannot stop a reply; retrying');
    repair();
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: '' });
    }, RECOVERY_WAIT);
  });
});

describe('queued replies that were not started when the reply before them ended', () => {
  it(`are all generated: 3 in each of ${CONVERSATION_COUNT} conversations`, LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { db } = gateway.deps;
    const replies: string[] = [];
    for (let index = 0; index < CONVERSATION_COUNT; index++) {
      const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'One?' });
      const waiting = [];
      for (const content of ['Two?', 'Three?', 'Four?'])
        waiting.push((await send(gateway, { conversationId, content })).replyId);
      replies.push(...waiting);
      // Simulates an earlier process that ended the reply and did not start the next one.
      await db.transaction((trx) =>
        trx
          .updateTable('messages')
          .set({ status: 'INTERRUPTED', finish_reason: 'ABORTED' })
          .where('id', '=', replyId)
          .execute(),
      );
    }
    engine.push(...Array(5 * CONVERSATION_COUNT).fill(finish));
    for (const id of replies) {
      await vi.waitFor(
        async () => expect(await readMessage(gateway, id)).toMatchObject({ status: 'COMPLETED' }),
        RECOVERY_WAIT,
      );
    }
  });
});
