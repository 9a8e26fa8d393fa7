import { describe, expect, it, vi } from 'vitest';
import { schema } from '../../schema/index.ts';
import { startGatewayWithOpenReply, waitForReaders } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { openRawSocket } from '../helpers/raw-sockets.ts';
import {
  MESSAGE_STREAM,
  type Reader,
  type SubscribeOptions,
  serverSentEvents,
  type Transport,
  webSocket,
} from '../helpers/streams.ts';

const { messageStream } = schema.getSubscriptionType()?.getFields() ?? {};
if (messageStream?.resolve === undefined) throw new Error('There is no resolver to count.');
// The spy replaces the resolver before any operation is compiled, because compiled operations keep their resolvers.
// Each execution calls it once.
const resolve = vi.spyOn(messageStream as Required<typeof messageStream>, 'resolve');

const hasContent = (content: string) => (event: { content?: string }) => event.content === content;

/** Subscribes readers to one reply, and waits until each receives live text. From then on they can share executions. */
async function subscribeAll(
  { gateway, engine }: Pick<Awaited<ReturnType<typeof startGatewayWithOpenReply>>, 'gateway' | 'engine'>,
  options: readonly SubscribeOptions[],
  transports: readonly Transport[] = [webSocket],
): Promise<Reader[]> {
  const readers = options.map((option, index) => (transports[index] ?? webSocket).subscribe(gateway, option));
  await Promise.all(readers.map((reader) => reader.until(() => true)));
  await waitForReaders(gateway, options.length);
  engine.push(delta('One'));
  await waitForContent(readers, 'One');
  resolve.mockClear();
  return readers;
}

const waitForContent = (readers: readonly Reader[], content: string) =>
  Promise.all(readers.map((reader) => reader.until(hasContent(content))));

describe('subscribers to one reply', () => {
  it('share the execution of an event with the same selection and the same permissions', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const key = await gateway.createKey(gateway.accountId, ['READ', 'MANAGE', 'CHAT']);
    const readers = await subscribeAll({ gateway, engine }, [
      { messageId: replyId },
      { messageId: replyId },
      { messageId: replyId, key },
    ]);
    engine.push(delta(' two'));
    await waitForContent(readers, 'One two');
    expect(resolve).toHaveBeenCalledTimes(1);
    engine.push(delta(' three'));
    await waitForContent(readers, 'One two three');
    expect(resolve).toHaveBeenCalledTimes(2);
    engine.push(finish);
    await Promise.all(readers.map(({ ended }) => ended));
    expect(readers.map((reader) => reader.text)).toEqual(['One two three', 'One two three', 'One two three']);
  });

  it.each<[string, (gateway: TestGateway) => Promise<Partial<SubscribeOptions>>]>([
    ['scopes', async (gateway) => ({ key: await gateway.createKey(gateway.accountId, ['READ']) })],
    ['variables', async () => ({ after: null })],
  ])('do not share an execution when their %s differ', async (_what, differentOptions) => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const other = { messageId: replyId, ...(await differentOptions(gateway)) };
    const readers = await subscribeAll({ gateway, engine }, [{ messageId: replyId }, other]);
    engine.push(delta(' two'));
    await waitForContent(readers, 'One two');
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  it('do not share an execution when their operations differ', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const [reader] = (await subscribeAll({ gateway, engine }, [{ messageId: replyId }])) as [Reader];
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    const payload = { query: MESSAGE_STREAM.replace('Follow', 'Other'), variables: { messageId: replyId } };
    socket.send({ type: 'subscribe', id: '1', payload });
    await socket.waitForFrame(({ type }) => type === 'next');
    resolve.mockClear();
    engine.push(delta(' two'));
    await reader.until(hasContent('One two'));
    await socket.waitForFrame(({ payload: nextPayload }) => JSON.stringify(nextPayload ?? '').includes('"One two"'));
    expect(resolve).toHaveBeenCalledTimes(2);
  });

  it('share an error too; each receives it and continues', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const readers = await subscribeAll({ gateway, engine }, [{ messageId: replyId }, { messageId: replyId }]);
    resolve.mockImplementationOnce(() => {
      throw new Error('for once');
    });
    engine.push(delta(' two'));
    await vi.waitFor(() =>
      expect(readers.map(({ errors }) => errors)).toEqual(Array(2).fill(['INTERNAL_SERVER_ERROR'])),
    );
    expect(gateway.logs.filter(({ err }) => (err as Error | undefined)?.message === 'for once')).toHaveLength(1);
    engine.push(delta(' three'));
    await waitForContent(readers, 'One two three');
  });

  it('unsubscribe independently; the others receive the rest', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const [first, second, third] = (await subscribeAll({ gateway, engine }, Array(3).fill({ messageId: replyId }))) as [
      Reader,
      Reader,
      Reader,
    ];
    engine.push(delta(' two'));
    await waitForContent([first, second, third], 'One two');
    first.unsubscribe();
    second.disconnect();
    await waitForReaders(gateway, 1);
    engine.push(delta(' three'));
    await third.until(hasContent('One two three'));
    expect(first.text).toBe('One two');
    engine.push(finish);
    expect(await third.ended).toBeUndefined();
  });

  it('receive the whole text when they join late', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const readers = await subscribeAll({ gateway, engine }, [{ messageId: replyId }, { messageId: replyId }]);
    engine.push(delta(' two'));
    await waitForContent(readers, 'One two');
    const late = webSocket.subscribe(gateway, { messageId: replyId });
    await late.until(hasContent('One two'));
    engine.push(delta(' three'), finish);
    await Promise.all([...readers, late].map(({ ended }) => ended));
    expect([...readers, late].map((reader) => reader.text)).toEqual(Array(3).fill('One two three'));
  });

  it('share executions between WebSocket and server-sent events', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const options = { messageId: replyId };
    const readers = await subscribeAll({ gateway, engine }, [options, options], [webSocket, serverSentEvents]);
    engine.push(delta(' two'));
    await waitForContent(readers, 'One two');
    expect(resolve).toHaveBeenCalledTimes(1);
  });
});
