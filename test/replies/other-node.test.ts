import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { toTimestamp } from '../../src/domain/time.ts';
import type { LiveReply } from '../../src/replies/live-replies.ts';
import { markApiKeyRevoked } from '../../src/store/api-keys.ts';
import {
  citationEvent,
  collectCitations,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForReaders,
} from '../helpers/conversations.ts';
import { startGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { type CoordinationNode, hasRedis, openCoordinationNodes } from '../helpers/nodes.ts';
import { createRandom, createRandomText, yieldToEventLoop } from '../helpers/random.ts';
import { createRedisPrefix } from '../helpers/redis.ts';
import { TEST_REDIS_URL } from '../helpers/servers.ts';
import { openSocket } from '../helpers/sockets.ts';
import { joinDeltas, readMessage, TRANSPORTS, webSocket } from '../helpers/streams.ts';

/** Hides live replies from local lookups, so that the process reads them as if another node generated them. */
class RemoteLiveReplies extends Map<string, LiveReply> {
  override get(): undefined {
    return undefined;
  }
}

/** The settings of gateways that share a Redis, under a new prefix. */
function sharedRedis() {
  const prefix = createRedisPrefix();
  return { prefix, env: { REDIS_URL: TEST_REDIS_URL, REDIS_PREFIX: prefix } };
}

describe.runIf(hasRedis)('a node that shares Redis with another', () => {
  it.each(TRANSPORTS)("streams the other node's reply while it is generated, over $name", async ({ subscribe }) => {
    const overrides = { liveReplies: new RemoteLiveReplies() };
    const { env } = sharedRedis();
    const { gateway, engine, replyId, conversationId } = await startGatewayWithOpenReply({ env, overrides });
    const readers = [{ messageId: replyId }, { conversationId }].map((options) => subscribe(gateway, options));
    const random = createRandom(1);
    let text = '';
    // Text read from checkpoints would arrive a second later, in a few pieces.
    const startedAt = performance.now();
    for (let count = 0; count < 30; count++) {
      const piece = `${createRandomText(random, 2)}.`;
      text += piece;
      engine.push(delta(piece), citationEvent(`${count}`, text.length));
      await Promise.all(readers.map((reader) => reader.until(({ citation }) => citation?.title === `${count}`)));
    }
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    engine.push(delta('👍'), finish);
    const isEnd = ({ __typename }: { __typename: string }) => __typename === 'MessageCompleted';
    await Promise.all(readers.map((reader) => reader.until(isEnd)));
    const { content } = await readMessage(gateway, replyId);
    expect(content).toBe(`${text}👍`);
    for (const { events } of readers) {
      expect(joinDeltas(events.slice(0, events.findIndex(isEnd)))).toBe(content);
      expect(collectCitations(events)[replyId]).toHaveLength(30);
    }
    for (const reader of readers) reader.unsubscribe();
  });

  it.each([1, 2, 3, 4])(
    'streams the complete reply to readers that disconnect and resume at random (seed %i)',
    async (seed) => {
      const random = createRandom(seed);
      const overrides = { liveReplies: new RemoteLiveReplies() };
      const { gateway, engine, replyId } = await startGatewayWithOpenReply({ env: sharedRedis().env, overrides });
      const received = [[], [], []].map(() => [] as { cursor: string }[]);
      const subscribe = (index: number) => {
        const events = received[index] ?? [];
        const reader = webSocket.subscribe(gateway, { messageId: replyId, after: events.at(-1)?.cursor });
        const leave = () => {
          reader.unsubscribe();
          events.push(...reader.events);
        };
        return { leave, ended: reader.ended };
      };
      let readers = received.map((_, index) => subscribe(index));
      for (let step = 0; step < 60; step++) {
        engine.push(delta(createRandomText(random, 3)));
        if (random.below(4) === 0) {
          const index = random.below(readers.length);
          readers[index]?.leave();
          readers = readers.with(index, subscribe(index));
        }
        await yieldToEventLoop(random.below(30));
      }
      engine.push(finish);
      await Promise.all(readers.map(({ ended }) => ended));
      for (const reader of readers) reader.leave();
      const { content } = await readMessage(gateway, replyId);
      for (const events of received) expect(joinDeltas(events as never)).toBe(content);
    },
  );

  it('exchanges typing indicators with the other node', async () => {
    const { prefix, env } = sharedRedis();
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply({ env });
    const { accountId } = gateway;
    const [otherNode] = (await openCoordinationNodes(1, { prefix })) as [CoordinationNode];
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    const typing = { conversationId, chatbotId, accountId, role: 'AGENT' };
    otherNode.announcements.announce('typing', JSON.stringify({ ...typing, isTyping: true }));
    await reader.until(({ role, isTyping }) => role === 'AGENT' && isTyping === true);
    otherNode.announcements.announce('typing', JSON.stringify({ ...typing, isTyping: false }));
    await reader.until(({ role, isTyping }) => role === 'AGENT' && isTyping === false);
    const onSignal = vi.fn();
    otherNode.announcements.on('typing', onSignal);
    gateway.deps.typing.set({ id: conversationId, chatbotId, accountId }, 'USER', true);
    await vi.waitFor(() => expect(onSignal).toHaveBeenCalledTimes(1));
    reader.unsubscribe();
  });

  it('closes the sockets of a key that the other node revokes', async () => {
    const { prefix, env } = sharedRedis();
    const gateway = await startGateway({ env });
    onTestFinished(() => gateway.close());
    const [otherNode] = (await openCoordinationNodes(1, { prefix })) as [CoordinationNode];
    const key = await gateway.createKey(gateway.accountId, ['READ']);
    const socket = openSocket(gateway, { 'x-api-key': key });
    await socket.connected;
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const { id } = data.viewer.apiKey;
    const { accountId, deps } = gateway;
    await deps.db.transaction((trx) => markApiKeyRevoked(trx, accountId, id, toTimestamp(Date.now())));
    otherNode.announcements.announce('revoked', id);
    expect(await socket.closed).toMatchObject({ code: 4401 });
  });
});
