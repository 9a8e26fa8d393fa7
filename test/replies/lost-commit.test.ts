import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { citationEvent, startGatewayWithOpenReply } from '../helpers/conversations.ts';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { startFaultProxyFor } from '../helpers/network.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';

/** Longer than the watcher takes to find a reply that no node generates. */
const WATCHER_WAIT_MS = 12_000;
const LIMIT = { timeout: 60_000 };

/** A gateway on Postgres, with a proxy that can lose the confirmation of a commit. */
async function startBehindProxy() {
  const database = await createDatabase(POSTGRES);
  const { proxy, url } = await startFaultProxyFor(database.url, 5432);
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    database: { ...database, url },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(finish, finish));
  return { gateway, engine, proxy, chatbotId: await createChatbot(gateway) };
}

describe.runIf(hasPostgres)('a commit whose confirmation is lost', () => {
  it('leaves no reply, new or queued, without a node that generates it', LIMIT, async () => {
    const { gateway, engine, proxy, chatbotId } = await startBehindProxy();
    const message = { chatbotId, sessionId: 'here', content: 'Lost on the way?', clientMessageId: 'k' };
    const firstLoss = proxy.dropCommitResponse(message.content);
    await expect(send(gateway, message)).rejects.toThrow('SERVICE_UNAVAILABLE');
    await firstLoss;
    const first = await send(gateway, message);
    const second = await send(gateway, { conversationId: first.conversationId, content: 'And then?' });
    expect([first.status, second.status]).toEqual(['STREAMING', 'QUEUED']);
    await vi.waitFor(() => expect(engine.questionCount).toBe(1), WATCHER_WAIT_MS);

    const reader = webSocket.subscribe(gateway, { messageId: first.replyId });
    const secondLoss = proxy.dropCommitResponse('MessageStarted');
    engine.push(delta('First.'), finish);
    await secondLoss;
    await reader.ended;
    expect(reader.text).toBe('First.');
    await vi.waitFor(() => expect(engine.questionCount).toBe(2), WATCHER_WAIT_MS);
    engine.push(delta('Second.'), finish);
    await vi.waitFor(
      async () =>
        expect(await readMessage(gateway, second.replyId)).toMatchObject({ status: 'COMPLETED', content: 'Second.' }),
      WATCHER_WAIT_MS,
    );
    expect(engine.questionCount).toBe(2);
  });
});

describe('a citation that cannot be serialized to JSON', () => {
  it('fails its own reply and nothing else', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const { citation } = citationEvent('Title', 1) as Extract<AnswerEvent, { type: 'citation' }>;
    engine.push(delta('A part'), { type: 'citation', citation: { ...citation, end: 1n as never } });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    expect(await readMessage(gateway, replyId)).toMatchObject({ status: 'FAILED', content: 'A part', citations: [] });
  });
});
