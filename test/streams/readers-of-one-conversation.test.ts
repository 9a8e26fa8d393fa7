import { describe, expect, it } from 'vitest';
import { send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply, waitForReaders } from '../helpers/conversations.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { TRANSPORTS } from '../helpers/streams.ts';

describe.each(TRANSPORTS)('readers over $name of several messages of one conversation', (transport) => {
  it('receive the events of their own message only, when all read concurrently from the same position', async () => {
    const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
    const ask = async (content: string) => (await send(gateway, { conversationId, content })).replyId;
    const replies = [await ask('1?'), await ask('2?'), await ask('3?')];
    const readers = replies.flatMap((messageId) => [1, 2].map(() => transport.subscribe(gateway, { messageId })));
    const conversationReader = transport.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, readers.length + 1);
    for (const name of ['one', 'two', 'three']) engine.push(delta(`This is ${name}.`), finish);
    await Promise.all(readers.map(({ ended }) => ended));
    for (const [index, { events, text }] of readers.entries()) {
      const own = replies[Math.floor(index / 2)];
      expect(new Set(events.map(({ message, messageId }) => message?.id ?? messageId))).toEqual(new Set([own]));
      expect(text).toBe(`This is ${['one', 'two', 'three'][Math.floor(index / 2)]}.`);
    }
    conversationReader.unsubscribe();
  });
});
