import { expect, it, onTestFinished, vi } from 'vitest';
import { monthOf } from '../../src/domain/time.ts';
import { countReservedReplies } from '../../src/store/usage.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { waitForReaders } from '../helpers/conversations.ts';
import { describeDatabases } from '../helpers/databases.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { mutate, openGateway } from '../schema/support.ts';

const messagesUsed = ({ deps, accountId }: TestGateway) =>
  countReservedReplies(deps.db.read, accountId, monthOf(deps.clock.now()));

describeDatabases('deleting a chatbot', (databaseEngine) => {
  async function open() {
    const engine = createScriptedEngine();
    const overrides = { engines: new Map([['builtin', engine]]) };
    const gateway = await openGateway({ engine: databaseEngine, overrides });
    onTestFinished(() => engine.push(finish, finish, finish));
    return { gateway, engine, chatbotId: await createChatbot(gateway) };
  }

  it('stops its models, and ends each of its streams with one last event', async () => {
    const { gateway, engine, chatbotId } = await open();
    const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Well?' });
    const targets = [{ conversationId }, { messageId: replyId }, { chatbotId }];
    const readers = TRANSPORTS.flatMap(({ subscribe }) => targets.map((target) => subscribe(gateway, target)));
    readers.push(restEvents.subscribe(gateway, { conversationId }));
    await waitForReaders(gateway, readers.length);
    engine.push(delta('A part'));
    // Every third reader follows the conversation.
    await Promise.all(
      readers.filter((_, i) => i % 3 === 0).map((reader) => reader.until(() => reader.text === 'A part')),
    );
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0), 10_000);
    for (const reader of readers) {
      expect(await reader.ended).toBeUndefined();
      const deletions = reader.events.filter(({ __typename }) => __typename === 'ConversationDeleted');
      expect(deletions).toEqual(reader.events.slice(-1));
    }
    await waitForReaders(gateway, 0);
    for (const target of targets) {
      const late = webSocket.subscribe(gateway, target);
      await late.ended;
      expect([late.events, late.errors]).toEqual([[], ['NOT_FOUND']]);
    }
    expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  it('answers a waiting REST chat with 404', async () => {
    const { gateway, engine, chatbotId } = await open();
    const pendingResponse = gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
      body: '{"message":"Well?"}',
    });
    await vi.waitFor(() => expect(engine.questionCount).toBe(1));
    engine.push(delta('A part'));
    await waitForReaders(gateway, 1);
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    const response = await pendingResponse;
    expect([response.status, await response.json()]).toEqual([404, { detail: 'Not Found' }]);
  });

  it('refunds the quota only for replies without text', async () => {
    const { gateway, engine, chatbotId } = await open();
    const first = await send(gateway, { chatbotId, content: 'One?' });
    const reader = webSocket.subscribe(gateway, { messageId: first.replyId });
    engine.push(delta('A part'));
    await reader.until(() => reader.text === 'A part');
    await send(gateway, { conversationId: first.conversationId, content: 'Waits?' });
    await send(gateway, { chatbotId, content: 'Begun?' });
    const other = await createChatbot(gateway, { name: 'Other' });
    await send(gateway, { chatbotId: other, content: 'Mine?' });
    expect(await messagesUsed(gateway)).toBe(4);
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    await vi.waitFor(async () => expect(await messagesUsed(gateway)).toBe(2), 10_000);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(1), 10_000);
    expect(await messagesUsed(gateway)).toBe(2);
  });

  it('ends only the sessions of its own chat page', async () => {
    const { gateway, chatbotId } = await open();
    const { sessions } = gateway.deps.keyring;
    const other = await createChatbot(gateway, { name: 'Other' });
    const [deletedSession, otherSession] = [chatbotId, other].map((id) =>
      sessions.open({ id, accountId: gateway.accountId }),
    );
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    const ask = (token = '') => gateway.graphql('{ viewer { kind } }', {}, token);
    expect([(await ask(deletedSession?.token)).status, (await ask(otherSession?.token)).status]).toEqual([401, 200]);
  });
});
