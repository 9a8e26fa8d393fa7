import { expect, it, onTestFinished, vi } from 'vitest';
import { engineOf } from '../dialects/rest/support.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { openSocket } from '../helpers/sockets.ts';
import { mutation } from '../schema/support.ts';

/** The gateway waits 15 seconds for running replies. */
const LIMIT = { timeout: 120_000 };
const SOON = { timeout: 20_000, interval: 200 };

interface ReplyResult {
  readonly reply: { id: string; status: string };
}

describeDatabases('a gateway that stops', (databaseEngine) => {
  it('stores new replies as QUEUED for the next start, and generates none', LIMIT, async () => {
    const database = await createDatabase(databaseEngine);
    const engine = createScriptedEngine();
    const gateway = await startGateway({ database, overrides: { engines: new Map([['builtin', engine]]) } });
    const chatbotId = await createChatbot(gateway);
    const socket = openSocket(gateway, { authorization: `Bearer ${gateway.key}` });
    onTestFinished(() => socket.close());
    await socket.connected;
    const first = await send(gateway, { chatbotId, sessionId: 'one', content: 'Well?' });
    const second = await send(gateway, { chatbotId, sessionId: 'two', content: 'Other?' });
    await vi.waitFor(() => expect(engine.questionCount).toBe(2), SOON);
    engine.push(finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(1), SOON);
    const [runningId = ''] = gateway.deps.liveReplies.keys();
    const ended = [first, second].find(({ replyId }) => replyId !== runningId);

    const closing = gateway.close();
    const mutateOverSocket = async (name: string, input: object, selection: string) => {
      const { data } = await socket.execute(mutation(name, selection), { input });
      return (data as Record<string, ReplyResult>)[name]?.reply;
    };
    const message = { chatbotId, sessionId: 'new', content: 'Now?' };
    const selection = 'reply { id status }';
    const sent = await mutateOverSocket('sendMessage', message, selection);
    const regenerated = await mutateOverSocket('regenerateMessage', { id: ended?.replyId }, selection);
    expect([sent?.status, regenerated?.status]).toEqual(['QUEUED', 'QUEUED']);
    expect(engine.questionCount).toBe(2);
    engine.push(delta('Whole.'), finish);
    await closing;

    const nextEngine = engineOf('Later.');
    const next = await startGateway({ database, overrides: { engines: new Map([['builtin', nextEngine]]) } });
    onTestFinished(() => next.close());
    await vi.waitFor(async () => {
      const { messages } = await readStore(database.url);
      const byId = new Map(messages.map(({ id, status, content }) => [id, [status, content]]));
      const later = ['COMPLETED', 'Later.'];
      expect([sent, regenerated].map((reply) => byId.get(reply?.id ?? ''))).toEqual([later, later]);
      expect(byId.get(runningId)).toEqual(['COMPLETED', 'Whole.']);
    }, SOON);
  });

  it('leaves a reply without text to the next start, and answers waiting requests with 503', LIMIT, async () => {
    const database = await createDatabase(databaseEngine);
    const engine = createScriptedEngine();
    const gateway = await startGateway({ database, overrides: { engines: new Map([['builtin', engine]]) } });
    const { key } = gateway;
    const chatbotId = await createChatbot(gateway);
    const chats = ['one', 'two'].map((idempotencyKey) =>
      gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': idempotencyKey,
        },
        body: '{"message":"Well?"}',
      }),
    );
    await vi.waitFor(() => expect(engine.questionCount).toBe(1), SOON);
    await gateway.close();
    for (const response of await Promise.all(chats)) {
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    }

    const nextEngine = createScriptedEngine();
    const next = await startGateway({ database, overrides: { engines: new Map([['builtin', nextEngine]]) } });
    onTestFinished(() => next.close());
    await vi.waitFor(() => expect(nextEngine.questionCount).toBe(1), SOON);
    nextEngine.push(delta('Later.'), finish);
    await vi.waitFor(() => expect(nextEngine.questionCount).toBe(2), SOON);
    nextEngine.push(delta('Last.'), finish);
    await vi.waitFor(() => expect(next.deps.liveReplies.size).toBe(0), SOON);
    const { messages } = await readStore(database.url);
    const replies = messages.filter(({ role }) => role === 'ASSISTANT');
    expect(replies.map(({ status, content }) => [status, content])).toEqual([
      ['COMPLETED', 'Later.'],
      ['COMPLETED', 'Last.'],
    ]);
  });
});
