import { expect, it, onTestFinished, vi } from 'vitest';
import { createSourceReader } from '../../src/sources/source-reader.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGatewayWithOpenReply } from '../helpers/conversations.ts';
import { startGateway } from '../helpers/gateway.ts';
import { finish } from '../helpers/models/engines.ts';
import { yieldToEventLoop } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { openSocket } from '../helpers/sockets.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutation } from '../schema/support.ts';

const TEST_OPTIONS = { timeout: 120_000 };
const POLL_OPTIONS = { timeout: 20_000, interval: 20 };

it(
  'finishes open requests, rejects those that take too long with 503, and closes sockets with 1012',
  TEST_OPTIONS,
  async () => {
    const reader = createSourceReader();
    const finishReading = new Map<string, () => void>();
    let readCount = 0;
    const gateway = await startGateway({
      overrides: {
        sourceReader: {
          async read(source) {
            await new Promise<void>((resolve) => finishReading.set(source.title ?? '', resolve));
            const result = await reader.read(source);
            readCount++;
            return result;
          },
        },
      },
    });
    onTestFinished(() => gateway.close());
    const chatbotId = await createChatbot(gateway);
    const query = mutation('createSource', 'source { status }');
    const variablesOf = (title: string) => ({ input: { chatbotId, title, content: { text: 'Ships sail.' } } });
    const post = (title: string) =>
      gateway.fetch('/graphql', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${gateway.key}` },
        body: JSON.stringify({ query, variables: variablesOf(title) }),
      });
    const socket = openSocket(gateway, { authorization: `Bearer ${gateway.key}` });
    onTestFinished(() => socket.close());
    await socket.connected;
    const slowResponse = post('slow');
    const endlessResponse = post('endless');
    const pendingQuery = socket.execute(query, variablesOf('endless on a socket')).catch((error: unknown) => error);
    await vi.waitFor(() => expect(finishReading.size).toBe(3), POLL_OPTIONS);

    const closing = gateway.close();
    finishReading.get('slow')?.();
    expect(await (await slowResponse).json()).toMatchObject({ data: { createSource: { source: { status: 'DONE' } } } });
    const response = await endlessResponse;
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await response.json()).toEqual({
      errors: [{ message: 'Service unavailable.', extensions: { code: 'SERVICE_UNAVAILABLE', retryAfterMs: 5_000 } }],
    });
    expect(await socket.closed).toEqual({ code: 1012, reason: 'Service restart' });
    expect(await pendingQuery).toMatchObject({ code: 1012 });
    await closing;
    // What outlives the gateway is refused at its next query, which is no bug that is logged.
    for (const finishLate of finishReading.values()) finishLate();
    await vi.waitFor(() => expect(readCount).toBe(3), POLL_OPTIONS);
    await yieldToEventLoop(20);
    expect(gateway.logs.filter(({ msg }) => msg === 'unexpected error')).toEqual([]);
  },
);

it.each([...TRANSPORTS, restEvents])(
  'ends a stream over $name as a lost connection, not as complete, when the gateway stops',
  async ({ subscribe }) => {
    const { gateway, engine, conversationId } = await startGatewayWithOpenReply({});
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
