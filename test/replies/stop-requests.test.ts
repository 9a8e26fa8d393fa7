import { expect, it, onTestFinished, vi } from 'vitest';
import { StorageUnavailableError } from '../../src/domain/errors.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { readLog } from '../helpers/conversations.ts';
import { describeEngines, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The watcher polls every two seconds; a busy machine needs longer. */
const SOON = { timeout: 20_000, interval: 50 };
const LIMIT = { timeout: 60_000 };

interface Answer {
  readonly __typename: string;
  readonly message: { id: string };
}

/** A gateway with a conversation whose open reply has some text. */
async function open(kind: TestEngine, env: Readonly<Record<string, string>> = {}) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ engine: kind, env, replaced: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(4).fill(finish)));
  const chatbotId = await createChatbot(gateway);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Well?' });
  const reader = webSocket.subscribe(gateway, { conversationId });
  engine.push(delta('A part'));
  await reader.until(({ text }) => text === 'A part');
  onTestFinished(() => reader.leave());
  return { gateway, engine, chatbotId, conversationId, replyId };
}

/** Loses the confirmation of a takeover's next commit, so that nothing after the commit runs. */
function loseTakeover({ deps }: TestGateway): void {
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

describeEngines('a takeover whose commit succeeds with an error', (kind) => {
  const takeOver = { content: 'Ada here.', clientMessageId: 'a' };

  it('still stops the live reply', LIMIT, async () => {
    const { gateway, conversationId, replyId } = await open(kind);
    loseTakeover(gateway);
    await expect(mutate(gateway, 'sendAgentMessage', { conversationId, ...takeOver })).rejects.toThrow(
      'SERVICE_UNAVAILABLE',
    );
    await vi.waitFor(
      async () => expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' }),
      SOON,
    );
  });

  it('has stopped the reply when the request is repeated with the same clientMessageId', LIMIT, async () => {
    const { gateway, conversationId, replyId } = await open(kind);
    loseTakeover(gateway);
    await expect(mutate(gateway, 'sendAgentMessage', { conversationId, ...takeOver })).rejects.toThrow();
    const again = await mutate<Answer>(gateway, 'sendAgentMessage', { conversationId, ...takeOver });
    expect(again.__typename).toBe('SendAgentMessagePayload');
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'STOPPED', content: 'A part' });
  });
});

describeEngines('INTERRUPT', (kind) => {
  const urgent = { content: 'Now!', whenBusy: 'INTERRUPT' } as const;

  it(
    'stops all open replies and answers the newest message next; stopped queued replies cost nothing',
    LIMIT,
    async () => {
      const { gateway, engine, conversationId, replyId } = await open(kind, { MONTHLY_MESSAGE_LIMIT: '3' });
      const waiting = [];
      for (const content of ['Two?', 'Three?']) {
        waiting.push((await send(gateway, { conversationId, content })).replyId);
      }
      const sent = await send(gateway, { conversationId, ...urgent });
      await vi.waitFor(() => expect(engine.asked).toBe(2), SOON);
      engine.push(delta('Here.'), finish);
      await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
      expect(await readStatuses(gateway, [replyId, ...waiting])).toEqual(['STOPPED', 'STOPPED', 'STOPPED']);
      expect(await readMessage(gateway, sent.replyId)).toMatchObject({ status: 'COMPLETED', content: 'Here.' });
      expect(engine.asked).toBe(2);
      expect(await messagesUsed(gateway)).toBe(2);
      await readLog(gateway, conversationId);
    },
  );

  it('leaves only one reply of several concurrent messages', LIMIT, async () => {
    const { gateway, engine, conversationId, replyId } = await open(kind);
    const sent = await Promise.all(Array.from({ length: 5 }, () => send(gateway, { conversationId, ...urgent })));
    const newest =
      sent
        .map((one) => one.replyId)
        .sort()
        .at(-1) ?? '';
    await vi.waitFor(async () => expect(await readStatuses(gateway, [newest])).toEqual(['STREAMING']), SOON);
    engine.push(delta('Here.'), finish);
    await webSocket.subscribe(gateway, { messageId: newest }).ended;
    const others = [replyId, ...sent.map((one) => one.replyId).filter((id) => id !== newest)];
    expect(new Set(await readStatuses(gateway, others))).toEqual(new Set(['STOPPED']));
    expect(await readMessage(gateway, newest)).toMatchObject({ status: 'COMPLETED', content: 'Here.' });
    expect(await messagesUsed(gateway)).toBe(2);
  });

  it('does not stop a later reply when it is repeated', LIMIT, async () => {
    const { gateway, engine, conversationId, replyId } = await open(kind);
    const first = await send(gateway, { conversationId, ...urgent, clientMessageId: 'a' });
    const later = await send(gateway, { conversationId, content: 'Later?' });
    expect((await send(gateway, { conversationId, ...urgent, clientMessageId: 'a' })).replyId).toBe(first.replyId);
    await vi.waitFor(() => expect(engine.asked).toBe(2), SOON);
    engine.push(delta('Here.'), finish, delta('Later.'), finish);
    await webSocket.subscribe(gateway, { messageId: later.replyId }).ended;
    expect(await readStatuses(gateway, [replyId, first.replyId, later.replyId])).toEqual([
      ...['STOPPED', 'COMPLETED', 'COMPLETED'],
    ]);
  });
});
