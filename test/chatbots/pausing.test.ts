import { expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeDatabases, type TestDatabase } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const LIMIT = { timeout: 90_000 };
/** The reply watcher polls every two seconds; a busy machine needs longer. */
const SOON = { timeout: 30_000, interval: 50 };
const NOTICE = 'A person has taken over this conversation and will reply here.';

async function open(database: TestDatabase, identity: { key?: string } = {}) {
  const engine = createScriptedEngine();
  const started = await startGateway({ database, overrides: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => started.close());
  onTestFinished(() => engine.push(...Array(4).fill(finish)));
  const { key = started.key } = identity;
  const graphql: TestGateway['graphql'] = (query, variables, requestKey = key) =>
    started.graphql(query, variables, requestKey);
  return { engine, gateway: { ...started, key, graphql } };
}

const setActive = (gateway: TestGateway, id: string, isActive: boolean) =>
  mutate(gateway, 'updateChatbot', { id, isActive });

describeDatabases('a paused chatbot', (databaseEngine) => {
  it('accepts a visitor message only during a handoff', LIMIT, async () => {
    const { gateway, engine } = await open(await createDatabase(databaseEngine));
    const chatbotId = await createChatbot(gateway);
    engine.push(delta('Hello.'), finish);
    const first = await send(gateway, { chatbotId, sessionId: 'here', content: 'Hi' });
    await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
    await mutate(gateway, 'sendAgentMessage', { conversationId: first.conversationId, content: 'Ada here.' });
    await setActive(gateway, chatbotId, false);

    const ask = (name: string, input: object) =>
      mutate<object>(gateway, name, input, { selection: 'userMessage { status } reply { id } notice' });
    const chat = async (session_id: string) => {
      const response = await gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'Are you there?', session_id }),
      });
      return [response.status, await response.json()];
    };
    const handoffResult = { userMessage: { status: 'COMPLETED' }, reply: null, notice: NOTICE };
    expect(await ask('sendMessage', { chatbotId, sessionId: 'here', content: 'Ada?' })).toMatchObject(handoffResult);
    expect(await ask('editMessage', { id: first.messageId, content: 'Hi, Ada' })).toMatchObject(handoffResult);
    expect(await chat('here')).toEqual([200, { response: NOTICE }]);
    expect(await ask('sendMessage', { chatbotId, sessionId: 'there', content: 'Ada?' })).toMatchObject({
      code: 'CHATBOT_PAUSED',
    });
    expect(await chat('there')).toEqual([400, { detail: 'Chatbot is not active.' }]);
    const used = await gateway.deps.db.read.selectFrom('usage').select('messages').executeTakeFirstOrThrow();
    expect(used.messages).toBe(1);
    await mutate(gateway, 'handBackConversation', { id: first.conversationId });
    expect(await chat('here')).toEqual([400, { detail: 'Chatbot is not active.' }]);
    expect(engine.questionCount).toBe(1);
  });

  it('starts no queued reply until it is active again, even after a restart', LIMIT, async () => {
    const database = await createDatabase(databaseEngine);
    const before = await open(database);
    const chatbotId = await createChatbot(before.gateway);
    const running = await send(before.gateway, { chatbotId, sessionId: 'one', content: 'One?' });
    const waiting = await send(before.gateway, { chatbotId, sessionId: 'one', content: 'Two?' });
    const lost = await send(before.gateway, { chatbotId, sessionId: 'two', content: 'Lost?' });
    const behind = await send(before.gateway, { chatbotId, sessionId: 'two', content: 'Behind?' });
    await vi.waitFor(() => expect(before.engine.questionCount).toBe(2), SOON);
    await setActive(before.gateway, chatbotId, false);
    before.engine.push(finish, finish);
    for (const { replyId } of [running, lost]) {
      await vi.waitFor(
        async () => expect(await readMessage(before.gateway, replyId)).toMatchObject({ status: 'COMPLETED' }),
        SOON,
      );
    }
    await before.gateway.close();

    const { gateway, engine } = await open(database, before.gateway);
    const update = (id: string, values: object) =>
      gateway.deps.db.transaction((trx) => trx.updateTable('messages').set(values).where('id', '=', id).execute());
    // Simulates a gateway that died before it streamed any text of the reply.
    await update(lost.replyId, { status: 'STREAMING', node_id: 'gone', attempts: 1, finish_reason: null });
    const other = await createChatbot(gateway, { name: 'Other' });
    const first = await send(gateway, { chatbotId: other, sessionId: 'other', content: 'First?' });
    const second = await send(gateway, { chatbotId: other, sessionId: 'other', content: 'Second?' });
    // Leaves the start of the second reply to the watcher, which by then has also checked the paused chatbot's replies.
    await update(first.replyId, { status: 'INTERRUPTED', finish_reason: 'ABORTED' });
    engine.push(finish, delta('Second.'), finish);
    await webSocket.subscribe(gateway, { messageId: second.replyId }).ended;
    const readStatuses = async () =>
      Promise.all([waiting, lost, behind].map(async ({ replyId }) => (await readMessage(gateway, replyId)).status));
    expect(await readStatuses()).toEqual(['QUEUED', 'STREAMING', 'QUEUED']);
    await mutate(gateway, 'stopMessage', { id: behind.replyId });

    await setActive(gateway, chatbotId, true);
    engine.push(delta('Later.'), finish, delta('Later.'), finish);
    await vi.waitFor(async () => expect(await readStatuses()).toEqual(['COMPLETED', 'COMPLETED', 'STOPPED']), SOON);
  });
});
