import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { conversationTopic } from '../../src/coordination/topics.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { collectTexts, describeMessageEvents, stageOf, waitForReaders } from '../helpers/conversations.ts';
import { askServer, hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { openWireTo } from '../helpers/network.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { serverSentEvents, TRANSPORTS, webSocket } from '../helpers/streams.ts';

/** How long the server is unreachable; `LOST_CONNECTION_MS=30000` makes a long run. */
const AWAY_MS = Number(process.env.LOST_CONNECTION_MS ?? 2_500);
const LIMIT = { timeout: 60_000 + 2 * AWAY_MS };

/** A gateway on a Postgres that the test can disconnect, and readers of all kinds of streams. */
async function startWired() {
  const database = await createDatabase(POSTGRES);
  const { wire, url } = await openWireTo(database.url, 5432);
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    database: { ...database, url },
    replaced: { engines: new Map([['builtin', engine]]) },
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
    for (const reader of readers) reader.leave();
  });
  const terminate = () =>
    askServer(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      new URL(database.url).pathname.slice(1),
    );
  return { gateway, engine, wire, conversationId, readers, terminate };
}

describe.runIf(hasPostgres)('streams whose connection to Postgres is lost', () => {
  it.each(['ended by the server again and again', 'away for a while'])('continue when it is %s', LIMIT, async (how) => {
    const { gateway, engine, wire, conversationId, readers, terminate } = await startWired();
    const first = await send(gateway, { conversationId, content: 'One?' });
    const message = webSocket.subscribe(gateway, { messageId: first.replyId });
    const conversation = readers.slice(0, 3);
    engine.push(delta('One, '));
    for (const reader of [message, ...conversation]) await reader.until(({ text }) => text === 'One, ');
    if (how === 'away for a while') {
      wire.cut();
      engine.push(delta('two, '));
      // Every reader queries the database in the meantime.
      await setTimeout(AWAY_MS);
      wire.mend();
    } else {
      for (let turn = 0; turn < 5; turn++) {
        await Promise.all([terminate(), setTimeout(300)]);
        gateway.deps.bus.publish(conversationTopic(conversationId));
      }
      engine.push(delta('two, '));
    }
    engine.push(delta('three.'), finish);
    await message.ended;
    expect([message.text, message.errors]).toEqual(['One, two, three.', []]);
    const last = await vi.waitFor(() => send(gateway, { conversationId, content: 'Two?' }), LIMIT.timeout);
    engine.push(delta('Done.'), finish);
    for (const reader of readers.slice(0, 5)) {
      await stageOf(reader, 'MessageCompleted', last.replyId);
      expect(describeMessageEvents(reader.events)).toEqual([
        ...[`MessageCreated ${first.messageId}`, `MessageCreated ${first.replyId}`],
        `MessageCompleted ${first.replyId}`,
        ...[`MessageCreated ${last.messageId}`, `MessageCreated ${last.replyId}`, `MessageCompleted ${last.replyId}`],
      ]);
    }
    for (const reader of conversation) {
      expect(collectTexts(reader.events)).toEqual({ [first.replyId]: 'One, two, three.', [last.replyId]: 'Done.' });
    }
    expect(readers.flatMap(({ errors }) => errors)).toEqual([]);
    expect(gateway.deps.bus.size).toBe(readers.length);
  });
});
