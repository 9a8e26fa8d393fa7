import { describe, expect, it, vi } from 'vitest';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { waitForReaders } from '../helpers/conversations.ts';
import { encodeUnsignedCursor } from '../helpers/cursors.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { eventsOfModel, startBilledGateway } from '../helpers/models/billed-gateway.ts';
import { errorCodesOf, openSocket } from '../helpers/sockets.ts';
import { type Reader, TRANSPORTS, webSocket } from '../helpers/streams.ts';
import { createKeyWith, mutate } from '../schema/support.ts';

const MONTH_MS = 31 * 86_400_000;
const SUBSCRIBE = 'subscription ($after: String) { quotaWarnings(after: $after) { cursor } }';
const WARNINGS = `query ($month: String) { viewer { account { usage(month: $month) {
  warnings { cursor at month percent used limit }
} } } }`;

/** Opens a gateway whose account has a monthly quota of replies, by default five. The clock stands in March 2026. */
async function openWithLimit(limit = 5) {
  const clock = createManualClock();
  const billed = await startBilledGateway({ env: { MONTHLY_MESSAGE_LIMIT: String(limit) }, overrides: { clock } });
  const useReplies = async (count: number) => {
    for (let i = 0; i < count; i++) await billed.sendAndComplete(eventsOfModel('gpt-4.1'));
  };
  return { ...billed, clock, useReplies };
}

const percentsOf = ({ events }: Reader) => events.map(({ percent }) => percent);
const waitForWarnings = (reader: Reader, count: number) =>
  vi.waitFor(() => expect(percentsOf(reader)).toHaveLength(count));
const requestSubscription = async (gateway: TestGateway, after: string, key = gateway.key) => {
  const socket = openSocket(gateway, { 'x-api-key': key });
  return socket.execute(SUBSCRIBE, { after }).finally(() => socket.close());
};
const listWarnings = async (gateway: TestGateway, month = '2026-03') => {
  const { data } = await gateway.graphql<{ viewer: { account: { usage: { warnings: { percent: number }[] } } } }>(
    WARNINGS,
    { month },
  );
  return data.viewer.account.usage.warnings;
};

describe.each(TRANSPORTS)('quotaWarnings over $name', ({ subscribe }) => {
  it('warns once at 80 and once at 100 percent of the quota, when the reply that reaches it is reserved', async () => {
    const { gateway, useReplies } = await openWithLimit();
    const reader = subscribe(gateway, {});
    await waitForReaders(gateway, 1);
    await useReplies(4);
    await waitForWarnings(reader, 1);
    await useReplies(1);
    await waitForWarnings(reader, 2);
    const warning = { __typename: 'QuotaWarning', cursor: expect.any(String), month: '2026-03', limit: 5 };
    const at = '2026-03-15T10:30:00.000Z';
    expect(reader.events).toEqual([
      { ...warning, at, percent: 80, used: 4 },
      { ...warning, at, percent: 100, used: 5 },
    ]);
    const rejected = await gateway.graphql(
      'mutation ($id: ID!) { sendMessage(input: { chatbotId: $id, content: "?" }) { __typename } }',
      { id: (await gateway.deps.db.read.selectFrom('chatbots').select('id').executeTakeFirstOrThrow()).id },
    );
    expect(rejected.data).toEqual({ sendMessage: { __typename: 'QuotaExceededError' } });
    expect(await listWarnings(gateway)).toEqual(reader.events.map(({ __typename, ...warning }) => warning));
    reader.unsubscribe();
    await waitForReaders(gateway, 0);
  });

  it('resumes after any cursor without loss or repetition', async () => {
    const { gateway, useReplies, clock } = await openWithLimit();
    await useReplies(5);
    const uninterrupted = subscribe(gateway, {});
    await waitForWarnings(uninterrupted, 2);
    const readers = uninterrupted.events.map(({ cursor }) => subscribe(gateway, { after: cursor }));
    await waitForReaders(gateway, 3);
    clock.advance(MONTH_MS);
    await useReplies(4);
    await Promise.all([uninterrupted, ...readers].map((reader) => reader.until(({ month }) => month === '2026-04')));
    expect([uninterrupted, ...readers].map(percentsOf)).toEqual([[80, 100, 80], [100, 80], [80]]);
    // Without a cursor, the stream starts with the warnings of the current month.
    const late = subscribe(gateway, {});
    await waitForWarnings(late, 1);
    expect(late.events).toEqual(uninterrupted.events.slice(2));
    for (const reader of [uninterrupted, late, ...readers]) reader.unsubscribe();
  });

  it('ends when the API key that opened it is revoked', async () => {
    const { gateway, useReplies } = await openWithLimit();
    const key = await createKeyWith(gateway, 'MANAGE');
    const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const revokedReader = subscribe(gateway, { key });
    const reader = subscribe(gateway, {});
    await waitForReaders(gateway, 2);
    await mutate(gateway, 'revokeApiKey', { id: data.viewer.apiKey.id });
    await revokedReader.ended;
    await useReplies(5);
    await waitForWarnings(reader, 2);
    expect(percentsOf(revokedReader)).toEqual([]);
    reader.unsubscribe();
  });

  it('rejects a viewer without MANAGE', async () => {
    const { gateway } = await openWithLimit();
    const reader = subscribe(gateway, { key: await createKeyWith(gateway, 'READ', 'CHAT') });
    await reader.ended;
    expect(reader.errors).toEqual(['FORBIDDEN']);
  });
});

describe('quotaWarnings', () => {
  it("contain only the account's own warnings", async () => {
    const { gateway, useReplies, sendAndComplete } = await openWithLimit();
    const otherTenant = await gateway.createTenant();
    const otherReader = webSocket.subscribe(gateway, { key: otherTenant.key });
    const ownReader = webSocket.subscribe(gateway, {});
    await waitForReaders(gateway, 2);
    await useReplies(5);
    await waitForWarnings(ownReader, 2);
    const chatbotId = await createChatbot(gateway, { key: otherTenant.key });
    for (let i = 0; i < 4; i++) await sendAndComplete(eventsOfModel('gpt-4.1'), { chatbotId, key: otherTenant.key });
    await waitForWarnings(otherReader, 1);
    expect([percentsOf(otherReader), percentsOf(ownReader)]).toEqual([[80], [80, 100]]);
    const [cursor = ''] = ownReader.events.map((event) => event.cursor);
    expect(errorCodesOf(await requestSubscription(gateway, cursor, otherTenant.key))).toEqual(['BAD_USER_INPUT']);
    for (const reader of [otherReader, ownReader]) reader.unsubscribe();
  });

  it('reject a malformed cursor, and a cursor of another stream or account', async () => {
    const { gateway } = await openWithLimit();
    const id = gateway.accountId;
    const { cursors } = gateway.deps;
    const otherStreams = [cursors.forStream('chatbot', id, id), cursors.forStream('quota', id, createId('account'))];
    const invalidCursors = [
      ...['1_0', '-1_0', '1', '', '\0'].map((position) => `2q_${position}_${'A'.repeat(14)}`),
      ...['-1_0', '1', '', '\0'].map((position) => cursors.forStream('quota', id, id).write(position)),
      ...otherStreams.map((stream) => stream.write('0_0')),
      encodeUnsignedCursor(`q:${id}:0`),
    ];
    for (const after of invalidCursors) {
      expect(errorCodesOf(await requestSubscription(gateway, after))).toEqual(['BAD_USER_INPUT']);
    }
    expect(errorCodesOf(await requestSubscription(gateway, ''))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a quota warning', () => {
  it('is not repeated when the usage reaches its percentage again after a refund', async () => {
    const { gateway, useReplies, sendAndComplete } = await openWithLimit();
    await useReplies(3);
    for (let i = 0; i < 3; i++) await sendAndComplete([new Error('Gone.')]);
    await useReplies(2);
    expect(await listWarnings(gateway)).toMatchObject([
      { percent: 80, used: 4 },
      { percent: 100, used: 5 },
    ]);
  });

  it('is sent for both percentages when the quota is one reply', async () => {
    const { gateway, useReplies } = await openWithLimit(1);
    await useReplies(1);
    expect(await listWarnings(gateway)).toMatchObject([
      { percent: 80, used: 1, limit: 1 },
      { percent: 100, used: 1, limit: 1 },
    ]);
  });

  it('is not sent without a limit, and is listed only for its month', async () => {
    const { gateway, useReplies } = await openWithLimit(0);
    await useReplies(3);
    expect(await listWarnings(gateway)).toEqual([]);
    const limited = await openWithLimit();
    await limited.useReplies(5);
    expect(await listWarnings(limited.gateway, '2026-02')).toEqual([]);
  });
});
