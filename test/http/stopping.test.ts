import { expect, it, onTestFinished, vi } from 'vitest';
import { createSourceReader } from '../../src/sources/source-reader.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { finish } from '../helpers/models/engines.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { openSocket } from '../helpers/sockets.ts';
import { startReply, TRANSPORTS } from '../helpers/streams.ts';
import { mutation } from '../schema/support.ts';

const LIMIT = { timeout: 120_000 };
const SOON = { timeout: 20_000, interval: 20 };

it('finishes open requests while it stops, rejects others with 503, and closes sockets with 1012', LIMIT, async () => {
  const reader = createSourceReader();
  const reading = new Map<string, () => void>();
  const gateway = await startGateway({
    replaced: {
      sourceReader: {
        async read(source) {
          await new Promise<void>((resolve) => reading.set(source.title ?? '', resolve));
          return reader.read(source);
        },
      },
    },
  });
  onTestFinished(() => gateway.close());
  const chatbotId = await createChatbot(gateway);
  const query = mutation('createSource', 'source { status }');
  const inputOf = (title: string) => ({ input: { chatbotId, title, content: { text: 'Ships sail.' } } });
  const post = (title: string) =>
    gateway.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ query, variables: inputOf(title) }),
    });
  const socket = openSocket(gateway, { authorization: `Bearer ${gateway.key}` });
  onTestFinished(() => socket.close());
  await socket.connected;
  const answered = post('slow');
  const refused = post('endless');
  const pendingQuery = socket.ask(query, inputOf('endless on a socket')).catch((error: unknown) => error);
  await vi.waitFor(() => expect(reading.size).toBe(3), SOON);

  const closing = gateway.close();
  reading.get('slow')?.();
  expect(await (await answered).json()).toMatchObject({ data: { createSource: { source: { status: 'DONE' } } } });
  const response = await refused;
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await response.json()).toEqual({
    errors: [{ message: 'Service unavailable.', extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 5_000 } }],
  });
  expect(await socket.closed).toEqual({ code: 1012, reason: 'Service restart' });
  expect(await pendingQuery).toMatchObject({ code: 1012 });
  await closing;
});

it.each([...TRANSPORTS, restEvents])(
  'ends a stream over $name as a lost connection, never as complete',
  async ({ subscribe }) => {
    const { gateway, engine, conversationId } = await startReply();
    const reader = subscribe(gateway, { conversationId });
    await reader.until(({ __typename }) => __typename === 'MessageCreated');
    engine.push(finish);
    await reader.until(({ __typename }) => __typename === 'MessageCompleted');
    const closing = gateway.close();
    expect(await reader.ended).toBeDefined();
    expect(reader.errors).toEqual([]);
    await closing;
  },
);
