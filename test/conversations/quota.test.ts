import { describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { waitForReaders } from '../helpers/conversations.ts';
import { writeUnsigned } from '../helpers/cursors.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { byModel, startBilled } from '../helpers/models/billed.ts';
import { codesOf, openSocket } from '../helpers/sockets.ts';
import { type Reader, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { keyWith, mutate } from '../schema/support.ts';

const MONTH_MS = 31 * 86_400_000;
const SUBSCRIBE = 'subscription ($after: String) { quotaWarnings(after: $after) { cursor } }';
const WARNINGS = `query ($month: String) { viewer { account { usage(month: $month) {
  warnings { cursor at month percent used limit }
} } } }`;

/** Opens a gateway whose account has a quota of five replies in March 2026. */
async function openFive(limit = 5) {
  const clock = createManualClock();
  const billed = await startBilled({ env: { MONTHLY_MESSAGE_LIMIT: String(limit) }, replaced: { clock } });
  const use = async (count: number) => {
    for (let i = 0; i < count; i++) await billed.ask(byModel('gpt-4.1'));
  };
  return { ...billed, clock, use };
}

const percentsOf = ({ events }: Reader) => events.map(({ percent }) => percent);
const next = (reader: Reader, count: number) => vi.waitFor(() => expect(percentsOf(reader)).toHaveLength(count));
const subscribe = async (gateway: TestGateway, after: string, key = gateway.key) => {
  const socket = openSocket(gateway, { 'x-api-key': key });
  return socket.ask(SUBSCRIBE, { after }).finally(() => socket.close());
};
const listWarnings = async (gateway: TestGateway, month = '2026-03') => {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { warnings: { percent: number }[] } } } }>(
    WARNINGS,
    { month },
  );
  return data.viewer.account.usage.warnings;
};

describe.each(TRANSPORTS)('quotaWarnings over $name', ({ subscribe }) => {
  it('warns at 80 and at 100 percent, once each, when the reply is reserved', async () => {
    const { gateway, use } = await openFive();
    const reader = subscribe(gateway, {});
    await waitForReaders(gateway, 1);
    await use(4);
    await next(reader, 1);
    await use(1);
    await next(reader, 2);
    const march = { __typename: 'QuotaWarning', cursor: expect.any(String), month: '2026-03', limit: 5 };
    const at = '2026-03-15T10:30:00.000Z';
    expect(reader.events).toEqual([
      { ...march, at, percent: 80, used: 4 },
      { ...march, at, percent: 100, used: 5 },
    ]);
    const refused = await gateway.graphql(
      'mutation ($id: ID!) { sendMessage(input: { chatbotId: $id, content: "?" }) { __typename } }',
      { id: (await gateway.deps.db.read.selectFrom('chatbots').select('id').executeTakeFirstOrThrow()).id },
    );
    expect(refused.data).toEqual({ sendMessage: { __typename: 'QuotaExceededError' } });
    expect(await listWarnings(gateway)).toEqual(reader.events.map(({ __typename, ...warning }) => warning));
    reader.leave();
    await waitForReaders(gateway, 0);
  });

  it('resumes after any cursor without loss or repetition', async () => {
    const { gateway, use, clock } = await openFive();
    await use(5);
    const uninterrupted = subscribe(gateway, {});
    await next(uninterrupted, 2);
    const readers = uninterrupted.events.map(({ cursor }) => subscribe(gateway, { after: cursor }));
    await waitForReaders(gateway, 3);
    clock.turn(MONTH_MS);
    await use(4);
    await Promise.all([uninterrupted, ...readers].map((reader) => reader.until(({ month }) => month === '2026-04')));
    expect([uninterrupted, ...readers].map(percentsOf)).toEqual([[80, 100, 80], [100, 80], [80]]);
    // Without a cursor the stream starts with the month.
    const late = subscribe(gateway, {});
    await next(late, 1);
    expect(late.events).toEqual(uninterrupted.events.slice(2));
    for (const reader of [uninterrupted, late, ...readers]) reader.leave();
  });

  it('ends when the API key that opened it is revoked', async () => {
    const { gateway, use } = await openFive();
    const key = await keyWith(gateway, 'MANAGE');
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const doomed = subscribe(gateway, { key });
    const reader = subscribe(gateway, {});
    await waitForReaders(gateway, 2);
    await mutate(gateway, 'revokeApiKey', { id: data.viewer.apiKey.id });
    await doomed.ended;
    await use(5);
    await next(reader, 2);
    expect(percentsOf(doomed)).toEqual([]);
    reader.leave();
  });

  it('rejects a viewer without MANAGE', async () => {
    const { gateway } = await openFive();
    const reader = subscribe(gateway, { key: await keyWith(gateway, 'READ', 'CHAT') });
    await reader.ended;
    expect(reader.errors).toEqual(['FORBIDDEN']);
  });
});

describe('quotaWarnings', () => {
  it('contain warnings of the own account only', async () => {
    const { gateway, use, ask } = await openFive();
    const stranger = await gateway.createTenant();
    const reader = webSocket.subscribe(gateway, { key: stranger.key });
    const own = webSocket.subscribe(gateway, {});
    await waitForReaders(gateway, 2);
    await use(5);
    await next(own, 2);
    const chatbotId = await createChatbot(gateway, { key: stranger.key });
    for (let i = 0; i < 4; i++) await ask(byModel('gpt-4.1'), { chatbotId, key: stranger.key });
    await next(reader, 1);
    expect([percentsOf(reader), percentsOf(own)]).toEqual([[80], [80, 100]]);
    const [cursor = ''] = own.events.map((event) => event.cursor);
    expect(codesOf(await subscribe(gateway, cursor, stranger.key))).toEqual(['BAD_USER_INPUT']);
    for (const one of [reader, own]) one.leave();
  });

  it('reject a foreign or malformed cursor', async () => {
    const { gateway } = await openFive();
    const id = gateway.accountId;
    const { cursors } = gateway.deps;
    const others = [cursors.of('chatbot', id, id), cursors.of('quota', id, createId('account'))];
    const wrong = [
      ...['1_0', '-1_0', '1', '', '\0'].map((position) => `2q_${position}_${'A'.repeat(14)}`),
      ...['-1_0', '1', '', '\0'].map((position) => cursors.of('quota', id, id).write(position)),
      ...others.map((other) => other.write('0_0')),
      writeUnsigned(`q:${id}:0`),
    ];
    for (const after of wrong) expect(codesOf(await subscribe(gateway, after))).toEqual(['BAD_USER_INPUT']);
    expect(codesOf(await subscribe(gateway, ''))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a quota warning', () => {
  it('is not repeated when a reply returns to the quota and is used again', async () => {
    const { gateway, use, ask } = await openFive();
    await use(3);
    for (let i = 0; i < 3; i++) await ask([new Error('Gone.')]);
    await use(2);
    expect(await listWarnings(gateway)).toMatchObject([
      { percent: 80, used: 4 },
      { percent: 100, used: 5 },
    ]);
  });

  it('is sent for both percentages when the quota is one reply', async () => {
    const { gateway, use } = await openFive(1);
    await use(1);
    expect(await listWarnings(gateway)).toMatchObject([
      { percent: 80, used: 1, limit: 1 },
      { percent: 100, used: 1, limit: 1 },
    ]);
  });

  it('is not sent without a limit, and belongs to one month', async () => {
    const { gateway, use } = await openFive(0);
    await use(3);
    expect(await listWarnings(gateway)).toEqual([]);
    const five = await openFive();
    await five.use(5);
    expect(await listWarnings(five.gateway, '2026-02')).toEqual([]);
  });
});
