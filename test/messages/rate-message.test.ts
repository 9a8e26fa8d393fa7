import { describe, expect, it } from 'vitest';
import { createManualClock } from '../helpers/clock.ts';
import {
  readGaplessLog,
  startGatewayWithCompletedReply,
  startGatewayWithOpenReply,
  waitForReaders,
} from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

interface RateResult {
  readonly reply: { id: string; rating: string | null; content: string };
}

function rate(gateway: TestGateway, messageId: string, rating: string, key = gateway.key): Promise<RateResult> {
  return mutate<RateResult>(
    gateway,
    'rateMessage',
    { id: messageId, rating },
    { selection: 'reply { id rating content }', key },
  );
}

async function readRating(gateway: TestGateway, id: string): Promise<string | null> {
  const query = 'query ($id: ID!) { node(id: $id) { ... on Message { rating } } }';
  return (await gateway.graphql<{ node: { rating: string | null } }>(query, { id })).data.node.rating;
}

describe('rateMessage', () => {
  it('stores the last rating of a reply, and streams each change of it', async () => {
    const { gateway, conversationId, replyId } = await startGatewayWithCompletedReply();
    const reader = webSocket.subscribe(gateway, { conversationId });
    await waitForReaders(gateway, 1);
    expect(await readRating(gateway, replyId)).toBeNull();
    for (const rating of ['UP', 'DOWN', 'DOWN', 'UP']) {
      expect((await rate(gateway, replyId, rating)).reply).toMatchObject({ id: replyId, rating });
      expect(await readRating(gateway, replyId)).toBe(rating);
    }
    const updates = () => reader.events.filter(({ __typename }) => __typename === 'MessageUpdated');
    await expect.poll(() => updates().length).toBe(3);
    expect(updates().at(-1)?.message).toMatchObject({ id: replyId, rating: 'UP' });
    const log = await readGaplessLog(gateway, conversationId);
    expect(log.slice(-3).map(({ type, message_id }) => [type, message_id])).toEqual(
      ['UP', 'DOWN', 'UP'].map(() => ['MessageUpdated', replyId]),
    );
    reader.unsubscribe();
  });

  it('is no change of the message if it repeats the rating', async () => {
    const clock = createManualClock();
    const { gateway, replyId: id } = await startGatewayWithCompletedReply({ overrides: { clock } });
    const rateAgain = async () => {
      clock.advance(1_000);
      const input = { id, rating: 'UP' };
      type Rated = { reply: { updatedAt: string } };
      return (await mutate<Rated>(gateway, 'rateMessage', input, { selection: 'reply { updatedAt }' })).reply.updatedAt;
    };
    expect(await rateAgain()).toBe(await rateAgain());
  });

  it('stores a comment with a rating, and takes both back', async () => {
    const { gateway, conversationId, replyId: id } = await startGatewayWithCompletedReply();
    const change = (input: object) =>
      mutate(gateway, 'rateMessage', { id, ...input }, { selection: 'reply { rating ratingComment }' });
    expect(await change({ rating: 'DOWN', comment: ' Too long. ' })).toMatchObject({
      reply: { rating: 'DOWN', ratingComment: 'Too long.' },
    });
    expect(await change({ rating: 'UP' })).toMatchObject({ reply: { rating: 'UP', ratingComment: 'Too long.' } });
    expect(await change({ rating: 'UP', comment: null })).toMatchObject({
      reply: { rating: 'UP', ratingComment: null },
    });
    await change({ rating: 'DOWN', comment: 'a'.repeat(1_000) });
    const cleared = { reply: { rating: null, ratingComment: null } };
    for (let n = 0; n < 2; n++) expect(await change({ rating: null })).toMatchObject(cleared);
    expect(await readRating(gateway, id)).toBeNull();
    const log = await readGaplessLog(gateway, conversationId);
    expect(log.filter(({ type }) => type === 'MessageUpdated')).toHaveLength(5);
    const { data } = await gateway.graphql('{ viewer { account { usage { ratedUp ratedDown } } } }');
    expect(data).toMatchObject({ viewer: { account: { usage: { ratedUp: 0, ratedDown: 0 } } } });
    for (const [input, path] of [
      [{}, ['rating']],
      [{ rating: null, comment: 'Why?' }, ['comment']],
      [{ rating: 'UP', comment: ' ' }, ['comment']],
      [{ rating: 'UP', comment: 'a'.repeat(1_001) }, ['comment']],
    ] as const) {
      expect(await change(input)).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path }] });
    }
  });

  it('rates a reply that is being generated, and keeps the rating when the reply ends', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    engine.push(delta('Bad '));
    await reader.until(({ text }) => text === 'Bad ');
    expect((await rate(gateway, replyId, 'DOWN')).reply).toEqual({ id: replyId, rating: 'DOWN', content: 'Bad ' });
    engine.push(delta('answer.'), finish);
    await reader.ended;
    expect(await readRating(gateway, replyId)).toBe('DOWN');
    expect((await readMessage(gateway, replyId)).content).toBe('Bad answer.');
  });

  it("rates a person's message, and refuses private notes", async () => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    const write = async (isPrivate: boolean) => {
      const { data } = await gateway.graphql<{ sendAgentMessage: { agentMessage: { id: string } } }>(
        `mutation ($input: SendAgentMessageInput!) {
          sendAgentMessage(input: $input) { ... on SendAgentMessagePayload { agentMessage { id } } }
        }`,
        { input: { conversationId, content: 'Hello', isPrivate } },
      );
      return data.sendAgentMessage.agentMessage.id;
    };
    expect((await rate(gateway, await write(false), 'UP')).reply).toMatchObject({ rating: 'UP' });
    expect(await rate(gateway, await write(true), 'UP')).toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('rejects a user message, and an invalid rating', async () => {
    const { gateway, messageId, replyId } = await startGatewayWithCompletedReply();
    expect(await rate(gateway, messageId, 'UP')).toMatchObject({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      fields: [{ path: ['id'], message: 'Only replies and messages of people can be rated.' }],
    });
    expect(await readRating(gateway, messageId)).toBeNull();
    await expect(rate(gateway, replyId, 'GREAT')).rejects.toThrow('BAD_USER_INPUT');
  });
});
