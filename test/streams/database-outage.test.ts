import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { conversationTopic } from '../../src/coordination/topics.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { collectTexts, describeMessageEvents, waitForMessageEvent, waitForReaders } from '../helpers/conversations.ts';
import { executeSql, hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { startFaultProxyFor } from '../helpers/network.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { serverSentEvents, TRANSPORTS, webSocket } from '../helpers/streams.ts';

/** How long the database server is unreachable; `LOST_CONNECTION_MS=30000` makes a long run. */
const OUTAGE_MS = Number(process.env.LOST_CONNECTION_MS ?? 2_500);
const LIMIT = { timeout: 60_000 + 2 * OUTAGE_MS };

/** Opens a gateway on a Postgres that the test can disconnect, with readers of every kind of stream. */
async function startBehindProxy() {
  const database = await createDatabase(POSTGRES);
  const { proxy, url } = await startFaultProxyFor(database.url, 5432);
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    database: { ...database, url },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  engine.push(finish);
  const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Well?' });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  const readers = [
    ...[webSocket, serverSentEvents, restEvents].map(({ subscribe }) => subscribe(gateway, { conversationId })),
    ...TRANSPORTS.map(({ subscribe }) => subscribe(gateway, { chatbotId })),
    ...TRANSPORTS.map(({ subscribe }) => subscribe(gateway, {})),
    webSocket.subscribe(gateway, { subscriptionId: null }),
  ];
  await waitForReaders(gateway, readers.length);
  onTestFinished(() => {
    for (const reader of readers) reader.unsubscribe();
  });
  const terminate = () =>
    executeSql(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      new URL(database.url).pathname.slice(1),
    );
  return { gateway, engine, proxy, conversationId, readers, terminate };
}

describe.runIf(hasPostgres)('streams whose connection to Postgres is lost', () => {
  it.each(['terminated repeatedly', 'cut for a while'])('continue when the connection is %s', LIMIT, async (how) => {
    const { gateway, engine, proxy, conversationId, readers, terminate } = await startBehindProxy();
    const first = await send(gateway, { conversationId, content: 'One?' });
    const messageReader = webSocket.subscribe(gateway, { messageId: first.replyId });
    const conversationReaders = readers.slice(0, 3);
    engine.push(delta('One, '));
    for (const reader of [messageReader, ...conversationReaders]) await reader.until(({ text }) => text === 'One, ');
    if (how === 'cut for a while') {
      proxy.disconnect();
      engine.push(delta('two, '));
      // Every reader queries the database in the meantime.
      await setTimeout(OUTAGE_MS);
      proxy.restore();
    } else {
      for (let round = 0; round < 5; round++) {
        await Promise.all([terminate(), setTimeout(300)]);
        gateway.deps.bus.publish(conversationTopic(conversationId));
      }
      engine.push(delta('two, '));
    }
    engine.push(delta('three.'), finish);
    await messageReader.ended;
    expect([messageReader.text, messageReader.errors]).toEqual(['One, two, three.', []]);
    const last = await vi.waitFor(() => send(gateway, { conversationId, content: 'Two?' }), LIMIT.timeout);
    engine.push(delta('Done.'), finish);
    // The readers of the conversation and of the chatbot.
    for (const reader of readers.slice(0, 5)) {
      await waitForMessageEvent(reader, 'MessageCompleted', last.replyId);
      expect(describeMessageEvents(reader.events)).toEqual([
        ...[`MessageCreated ${first.messageId}`, `MessageCreated ${first.replyId}`],
        `MessageCompleted ${first.replyId}`,
        ...[`MessageCreated ${last.messageId}`, `MessageCreated ${last.replyId}`, `MessageCompleted ${last.replyId}`],
      ]);
    }
    for (const reader of conversationReaders) {
      expect(collectTexts(reader.events)).toEqual({ [first.replyId]: 'One, two, three.', [last.replyId]: 'Done.' });
    }
    expect(readers.flatMap(({ errors }) => errors)).toEqual([]);
    expect(gateway.deps.bus.size).toBe(readers.length);
  });
});
