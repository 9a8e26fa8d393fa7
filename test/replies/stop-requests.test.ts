import { expect, it, onTestFinished, vi } from 'vitest';
import { StorageUnavailableError } from '../../src/domain/errors.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { readGaplessLog } from '../helpers/conversations.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The watcher polls every two seconds; a busy machine needs longer. */
const SOON = { timeout: 20_000, interval: 50 };
const LIMIT = { timeout: 60_000 };

interface SendResult {
  readonly __typename: string;
  readonly message: { id: string };
}

/** A gateway with a conversation whose open reply has some text. */
async function open(databaseEngine: TestEngine, env: Readonly<Record<string, string>> = {}) {
  const engine = createScriptedEngine();
  const overrides = { engines: new Map([['builtin', engine]]) };
  const gateway = await startGateway({ engine: databaseEngine, env, overrides });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(4).fill(finish)));
  const chatbotId = await createChatbot(gateway);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Well?' });
  const reader = webSocket.subscribe(gateway, { conversationId });
  engine.push(delta('A part'));
  await reader.until(({ text }) => text === 'A part');
  onTestFinished(() => reader.unsubscribe());
  return { gateway, engine, chatbotId, conversationId, replyId };
}

/** Makes the next takeover fail after its commit, as if the confirmation were lost: nothing after the commit runs. */
function loseTakeoverCommit({ deps }: TestGateway): void {
  const { transaction } = deps.db;
  const spy = vi.spyOn(deps.db, 'transaction').mockImplementation(async (work, options) => {
    const result = await transaction(work, options);
    if (!String(work).includes('getLockedConversation')) return result;
    spy.mockRestore();
    throw new StorageUnavailableError({});
  });
}

async function readStatuses(gateway: TestGateway, ids: readonly string[]): Promise<string[]> {
  return Promise.all(ids.map(async (id) => (await readMessage(gateway, id)).status));
}

async function messagesUsed({ deps }: TestGateway): Promise<number> {
  return (await deps.db.read.selectFrom('usage').select('messages').executeTakeFirstOrThrow()).messages;
}

describeDatabases('a takeover that fails after its commit', (databaseEngine) => {
  const agentMessage = { content: 'Ada here.', clientMessageId: 'a' };

  it('still stops the live reply', LIMIT, async () => {
    const { gateway, conversationId, replyId } = await open(databaseEngine);
    loseTakeoverCommit(gateway);
    await expect(mutate(gateway, 'sendAgentMessage', { conversationId, ...agentMessage })).rejects.toThrow(
      'SERVICE_UNAVAILABLE',
    );
    await vi.waitFor(
      async () => expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' }),
      SOON,
    );
  });

  it('has stopped the reply when a retry with the same clientMessageId returns', LIMIT, async () => {
    const { gateway, conversationId, replyId } = await open(databaseEngine);
    loseTakeoverCommit(gateway);
    await expect(mutate(gateway, 'sendAgentMessage', { conversationId, ...agentMessage })).rejects.toThrow();
    const again = await mutate<SendResult>(gateway, 'sendAgentMessage', { conversationId, ...agentMessage });
    expect(again.__typename).toBe('SendAgentMessagePayload');
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' });
  });
});

describeDatabases('INTERRUPT', (databaseEngine) => {
  const urgent = { content: 'Now!', whenBusy: 'INTERRUPT' } as const;

  it(
    'stops all open replies and answers the newest message next; stopped queued replies cost nothing',
    LIMIT,
    async () => {
      const { gateway, engine, conversationId, replyId } = await open(databaseEngine, { MONTHLY_MESSAGE_LIMIT: '3' });
      const queued = [];
      for (const content of ['Two?', 'Three?']) {
        queued.push((await send(gateway, { conversationId, content })).replyId);
      }
      const sent = await send(gateway, { conversationId, ...urgent });
      await vi.waitFor(() => expect(engine.questionCount).toBe(2), SOON);
      engine.push(delta('Here.'), finish);
      await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
      expect(await readStatuses(gateway, [replyId, ...queued])).toEqual(['STOPPED', 'STOPPED', 'STOPPED']);
      expect(await readMessage(gateway, sent.replyId)).toMatchObject({ status: 'COMPLETED', content: 'Here.' });
      expect(engine.questionCount).toBe(2);
      expect(await messagesUsed(gateway)).toBe(2);
      await readGaplessLog(gateway, conversationId);
    },
  );

  it('stops all open replies except the newest when several messages are sent concurrently', LIMIT, async () => {
    const { gateway, engine, conversationId, replyId } = await open(databaseEngine);
    const sent = await Promise.all(Array.from({ length: 5 }, () => send(gateway, { conversationId, ...urgent })));
    const newest =
      sent
        .map((result) => result.replyId)
        .sort()
        .at(-1) ?? '';
    await vi.waitFor(async () => expect(await readStatuses(gateway, [newest])).toEqual(['STREAMING']), SOON);
    engine.push(delta('Here.'), finish);
    await webSocket.subscribe(gateway, { messageId: newest }).ended;
    const others = [replyId, ...sent.map((result) => result.replyId).filter((id) => id !== newest)];
    expect(new Set(await readStatuses(gateway, others))).toEqual(new Set(['STOPPED']));
    expect(await readMessage(gateway, newest)).toMatchObject({ status: 'COMPLETED', content: 'Here.' });
    expect(await messagesUsed(gateway)).toBe(2);
  });

  it('does not stop a later reply when it is repeated', LIMIT, async () => {
    const { gateway, engine, conversationId, replyId } = await open(databaseEngine);
    const first = await send(gateway, { conversationId, ...urgent, clientMessageId: 'a' });
    const later = await send(gateway, { conversationId, content: 'Later?' });
    expect((await send(gateway, { conversationId, ...urgent, clientMessageId: 'a' })).replyId).toBe(first.replyId);
    await vi.waitFor(() => expect(engine.questionCount).toBe(2), SOON);
    engine.push(delta('Here.'), finish, delta('Later.'), finish);
    await webSocket.subscribe(gateway, { messageId: later.replyId }).ended;
    expect(await readStatuses(gateway, [replyId, first.replyId, later.replyId])).toEqual([
      ...['STOPPED', 'COMPLETED', 'COMPLETED'],
    ]);
  });
});
