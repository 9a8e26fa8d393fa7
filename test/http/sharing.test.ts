import { describe, expect, it, vi } from 'vitest';
import { schema } from '../../schema/index.ts';
import { waitForReaders } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { connect } from '../helpers/raw-sockets.ts';
import {
  MESSAGE_STREAM,
  type Reader,
  type SubscribeOptions,
  serverSentEvents,
  startReply,
  type Transport,
  webSocket,
} from '../helpers/streams.ts';

const { messageStream } = schema.getSubscriptionType()?.getFields() ?? {};
if (messageStream?.resolve === undefined) throw new Error('There is no resolver to count.');
// Replaced before anything is compiled, because compiled operations keep their resolvers. Each execution calls it once.
const execute = vi.spyOn(messageStream as Required<typeof messageStream>, 'resolve');

const says = (content: string) => (event: { content?: string }) => event.content === content;

/** Subscribes readers to one reply, and waits until each receives live text: only then do they read together. */
async function follow(
  { gateway, engine }: Pick<Awaited<ReturnType<typeof startReply>>, 'gateway' | 'engine'>,
  options: readonly SubscribeOptions[],
  transports: readonly Transport[] = [webSocket],
): Promise<Reader[]> {
  const readers = options.map((option, index) => (transports[index] ?? webSocket).subscribe(gateway, option));
  await Promise.all(readers.map((reader) => reader.until(() => true)));
  await waitForReaders(gateway, options.length);
  engine.push(delta('One'));
  await allHear(readers, 'One');
  execute.mockClear();
  return readers;
}

const allHear = (readers: readonly Reader[], content: string) =>
  Promise.all(readers.map((reader) => reader.until(says(content))));

describe('subscribers of one answer', () => {
  it('share the execution of an event with the same selection and the same permissions', async () => {
    const { gateway, engine, replyId } = await startReply();
    const key = await gateway.createKey(gateway.accountId, ['READ', 'MANAGE', 'CHAT']);
    const readers = await follow({ gateway, engine }, [
      { messageId: replyId },
      { messageId: replyId },
      { messageId: replyId, key },
    ]);
    engine.push(delta(' two'));
    await allHear(readers, 'One two');
    expect(execute).toHaveBeenCalledTimes(1);
    engine.push(delta(' three'));
    await allHear(readers, 'One two three');
    expect(execute).toHaveBeenCalledTimes(2);
    engine.push(finish);
    await Promise.all(readers.map(({ ended }) => ended));
    expect(readers.map((reader) => reader.text)).toEqual(['One two three', 'One two three', 'One two three']);
  });

  it.each<[string, (gateway: TestGateway) => Promise<Partial<SubscribeOptions>>]>([
    ['scopes', async (gateway) => ({ key: await gateway.createKey(gateway.accountId, ['READ']) })],
    ['variables', async () => ({ after: null })],
  ])('do not share it when their %s differ', async (_what, more) => {
    const { gateway, engine, replyId } = await startReply();
    const other = { messageId: replyId, ...(await more(gateway)) };
    const readers = await follow({ gateway, engine }, [{ messageId: replyId }, other]);
    engine.push(delta(' two'));
    await allHear(readers, 'One two');
    expect(execute).toHaveBeenCalledTimes(2);
  });

  it('do not share it when their operations differ', async () => {
    const { gateway, engine, replyId } = await startReply();
    const [reader] = (await follow({ gateway, engine }, [{ messageId: replyId }])) as [Reader];
    const socket = connect(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    const payload = { query: MESSAGE_STREAM.replace('Follow', 'Other'), variables: { messageId: replyId } };
    socket.send({ type: 'subscribe', id: '1', payload });
    await socket.receive(({ type }) => type === 'next');
    execute.mockClear();
    engine.push(delta(' two'));
    await reader.until(says('One two'));
    await socket.receive(({ payload: told }) => JSON.stringify(told ?? '').includes('"One two"'));
    expect(execute).toHaveBeenCalledTimes(2);
  });

  it('share an error too: each receives it and continues', async () => {
    const { gateway, engine, replyId } = await startReply();
    const readers = await follow({ gateway, engine }, [{ messageId: replyId }, { messageId: replyId }]);
    execute.mockImplementationOnce(() => {
      throw new Error('for once');
    });
    engine.push(delta(' two'));
    await vi.waitFor(() =>
      expect(readers.map(({ errors }) => errors)).toEqual(Array(2).fill(['INTERNAL_SERVER_ERROR'])),
    );
    expect(gateway.logs.filter(({ err }) => (err as Error | undefined)?.message === 'for once')).toHaveLength(1);
    engine.push(delta(' three'));
    await allHear(readers, 'One two three');
  });

  it('leave separately: the others receive the rest', async () => {
    const { gateway, engine, replyId } = await startReply();
    const [first, second, third] = (await follow({ gateway, engine }, Array(3).fill({ messageId: replyId }))) as [
      Reader,
      Reader,
      Reader,
    ];
    engine.push(delta(' two'));
    await allHear([first, second, third], 'One two');
    first.leave();
    second.vanish();
    await waitForReaders(gateway, 1);
    engine.push(delta(' three'));
    await third.until(says('One two three'));
    expect(first.text).toBe('One two');
    engine.push(finish);
    expect(await third.ended).toBeUndefined();
  });

  it('join late and receive everything that the others have received', async () => {
    const { gateway, engine, replyId } = await startReply();
    const readers = await follow({ gateway, engine }, [{ messageId: replyId }, { messageId: replyId }]);
    engine.push(delta(' two'));
    await allHear(readers, 'One two');
    const late = webSocket.subscribe(gateway, { messageId: replyId });
    await late.until(says('One two'));
    engine.push(delta(' three'), finish);
    await Promise.all([...readers, late].map(({ ended }) => ended));
    expect([...readers, late].map((reader) => reader.text)).toEqual(Array(3).fill('One two three'));
  });

  it('share over server-sent events as well', async () => {
    const { gateway, engine, replyId } = await startReply();
    const options = { messageId: replyId };
    const readers = await follow({ gateway, engine }, [options, options], [webSocket, serverSentEvents]);
    engine.push(delta(' two'));
    await allHear(readers, 'One two');
    expect(execute).toHaveBeenCalledTimes(1);
  });
});
