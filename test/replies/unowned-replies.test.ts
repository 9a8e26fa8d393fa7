import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The watcher finds replies that no node generates within 20 seconds; a busy machine needs longer. */
const FOUND = { timeout: 40_000, interval: 100 };
const LIMIT = { timeout: 90_000 };
const CONVERSATIONS = 25;

async function open() {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ replaced: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(8).fill(finish)));
  return { gateway, engine, chatbotId: await createChatbot(gateway) };
}

/** Makes transactions that end a reply fail with an unexpected error until the test stops that. */
function breakEndings({ deps }: TestGateway): () => void {
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
  it('is ended once the database accepts it, and the conversation continues', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const first = await send(gateway, { chatbotId, content: 'One?' });
    const second = await send(gateway, { conversationId: first.conversationId, content: 'Two?' });
    const repair = breakEndings(gateway);
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
      }, FOUND);
    }
  });

  it('is recovered by the watcher after its node gave it up, and the conversation continues', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const first = await send(gateway, { chatbotId, content: 'One?' });
    const second = await send(gateway, { conversationId: first.conversationId, content: 'Two?' });
    const repair = breakEndings(gateway);
    engine.push(delta('First.'), finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0), FOUND);
    repair();
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, first.replyId)).toMatchObject({ status: 'INTERRUPTED', content: 'First.' });
    }, FOUND);
    engine.push(delta('Second.'), finish);
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, second.replyId)).toMatchObject({ status: 'COMPLETED' });
    }, FOUND);
  });

  it('can be stopped in the meantime', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { replyId } = await send(gateway, { chatbotId, content: 'One?' });
    const repair = breakEndings(gateway);
    engine.push(delta('First.'), finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0), FOUND);
    repair();
    const selection = 'reply { status }';
    const { reply } = await mutate<{ reply: { status: string } }>(
      gateway,
      'stopMessage',
      { messageId: replyId },
      { selection },
    );
    expect(['STOPPED', 'INTERRUPTED']).toContain(reply.status);
  });
});

describe('a stop whose end the generating node cannot store', () => {
  it('still gets a response, and the reply becomes STOPPED once the database accepts it', LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { replyId } = await send(gateway, { chatbotId, content: 'One?' });
    await vi.waitFor(() => expect(engine.asked).toBe(1), FOUND);
    const repair = breakEndings(gateway);
    const answer = await mutate(gateway, 'stopMessage', { messageId: replyId }, { selection: 'reply { id }' });
    expect(answer).toMatchObject({ reply: { id: replyId } });
    expect(gateway.logs.map(({ msg }) => msg)).toContain('cannot stop a reply; retrying');
    repair();
    await vi.waitFor(async () => {
      expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: '' });
    }, FOUND);
  });
});

describe('queued replies without a reply before them', () => {
  it(`are all generated: 3 in each of ${CONVERSATIONS} conversations`, LIMIT, async () => {
    const { gateway, engine, chatbotId } = await open();
    const { db } = gateway.deps;
    const replies: string[] = [];
    for (let index = 0; index < CONVERSATIONS; index++) {
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
    engine.push(...Array(5 * CONVERSATIONS).fill(finish));
    for (const id of replies) {
      await vi.waitFor(
        async () => expect(await readMessage(gateway, id)).toMatchObject({ status: 'COMPLETED' }),
        FOUND,
      );
    }
  });
});
