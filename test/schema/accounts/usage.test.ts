import { describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { eventsOfModel, startBilledGateway } from '../../helpers/models/billed-gateway.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { createKeyWith, mutate, openGateway, runForForeignAndUnknownIds } from '../support.ts';

const DAY_MS = 86_400_000;
const COUNTS = 'messages inputTokens cachedTokens outputTokens reasoningTokens priceUsd unpricedMessages';
const VARIABLES =
  '$month: String, $from: Date, $to: Date, $timeZone: String, $chatbotId: ID, $apiKeyId: ID, $visitor: String';
const ARGUMENTS =
  'month: $month, from: $from, to: $to, timeZone: $timeZone, chatbotId: $chatbotId, apiKeyId: $apiKeyId, visitor: $visitor';
const USAGE = `query (${VARIABLES}) { viewer { account { usage(${ARGUMENTS}) { month ${COUNTS} limit days { day ${COUNTS} } } } } }`;
const TOP = `query (${VARIABLES}, $by: UsageDimension!, $first: Int) { viewer { account { usage(${ARGUMENTS}) {
  top(by: $by, first: $first) { key ${COUNTS} chatbot { name } apiKey { name } }
} } } }`;

/** The usage of `count` replies with a known price and `unpriced` replies without one. */
const usageOf = (count: number, unpriced = 0) => ({
  messages: count + unpriced,
  inputTokens: (count + unpriced) * 1_000,
  cachedTokens: (count + unpriced) * 400,
  outputTokens: (count + unpriced) * 10,
  reasoningTokens: (count + unpriced) * 4,
  priceUsd: count === 0 && unpriced > 0 ? null : Math.round(count * 1_480) / 1e6,
  unpricedMessages: unpriced,
});

interface UsageData {
  readonly viewer: { readonly account: { readonly usage: Record<string, unknown> & { top: Share[] } } };
}
type Share = { key: string; messages: number } & Record<string, unknown>;

async function readUsage(gateway: TestGateway, variables: object = {}, query = USAGE) {
  const { data, errors } = await gateway.graphql<UsageData>(query, variables);
  expect(errors).toBeUndefined();
  return data.viewer.account.usage;
}

/** Creates usage of two chatbots, two keys and three visitors, on one day of February and two days of March. */
async function createUsage() {
  const clock = createManualClock();
  const billed = await startBilledGateway({ overrides: { clock }, env: { MONTHLY_MESSAGE_LIMIT: '1000' } });
  const { gateway, sendAndComplete } = billed;
  const otherChatbotId = await createChatbot(gateway, { name: 'Other' });
  const key = await createKeyWith(gateway, 'CHAT', 'READ');
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
    {},
    key,
  );
  clock.advance(-20 * DAY_MS);
  await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'a' });
  clock.advance(20 * DAY_MS);
  await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'a' });
  await sendAndComplete(eventsOfModel('gpt-nobody-knows'), { sessionId: 'b' });
  clock.advance(DAY_MS);
  await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'b', key });
  await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'b', key });
  await sendAndComplete(eventsOfModel('gpt-nobody-knows'), { chatbotId: otherChatbotId, sessionId: 'a' });
  return { ...billed, otherChatbotId, key, apiKeyId: data.viewer.apiKey.id, clock };
}

describe('usage', () => {
  it('sums a month by day, for the account, a chatbot, a key or a visitor, with known prices', async () => {
    const { gateway, chatbotId, otherChatbotId, apiKeyId } = await createUsage();
    const first = { day: '2026-03-15', ...usageOf(1, 1) };
    const second = { day: '2026-03-16', ...usageOf(2, 1) };
    const march = { month: '2026-03', limit: 1_000 };
    expect(await readUsage(gateway)).toEqual({ ...march, ...usageOf(3, 2), days: [first, second] });
    const february = { ...usageOf(1), days: [{ day: '2026-02-23' }] };
    expect(await readUsage(gateway, { month: '2026-02' })).toMatchObject(february);
    const ofChatbot = { ...march, ...usageOf(3, 1), days: [first, { day: '2026-03-16', ...usageOf(2) }] };
    expect(await readUsage(gateway, { chatbotId })).toEqual(ofChatbot);
    expect(await readUsage(gateway, { chatbotId: chatbotId.toUpperCase() })).toEqual(ofChatbot);
    expect(await readUsage(gateway, { chatbotId: otherChatbotId })).toMatchObject(usageOf(0, 1));
    const withKey = { ...march, ...usageOf(2), days: [{ day: '2026-03-16', ...usageOf(2) }] };
    expect(await readUsage(gateway, { apiKeyId })).toEqual(withKey);
    expect(await readUsage(gateway, { chatbotId, visitor: 'b', apiKeyId })).toEqual(withKey);
    expect(await readUsage(gateway, { chatbotId: otherChatbotId, apiKeyId })).toMatchObject(usageOf(0));
    const ofVisitor = { ...usageOf(1), days: [{ ...usageOf(1) }] };
    expect(await readUsage(gateway, { chatbotId, visitor: 'a' })).toMatchObject(ofVisitor);
    expect(await readUsage(gateway, { chatbotId, visitor: 'b' })).toMatchObject(usageOf(2, 1));
  });

  it('lists its largest shares by chatbot, key and visitor, most expensive first', async () => {
    const { gateway, chatbotId, otherChatbotId, apiKeyId, sendAndComplete } = await createUsage();
    const top = async (variables: object) => (await readUsage(gateway, variables, TOP)).top;
    expect(await top({ by: 'CHATBOT' })).toEqual([
      { key: chatbotId, ...usageOf(3, 1), chatbot: { name: 'Helper' }, apiKey: null },
      { key: otherChatbotId, ...usageOf(0, 1), chatbot: { name: 'Other' }, apiKey: null },
    ]);
    const byKey = await top({ by: 'API_KEY' });
    expect(byKey).toMatchObject([{ key: apiKeyId, ...usageOf(2), apiKey: { name: 'Test key' } }, usageOf(1, 2)]);
    expect(await top({ by: 'VISITOR', chatbotId })).toEqual([
      { key: 'b', ...usageOf(2, 1), chatbot: null, apiKey: null },
      { key: 'a', ...usageOf(1), chatbot: null, apiKey: null },
    ]);
    expect(await top({ by: 'VISITOR', chatbotId, first: 1 })).toMatchObject([{ key: 'b' }]);
    expect(await top({ by: 'VISITOR', chatbotId, first: 0 })).toEqual([]);
    expect(await top({ by: 'API_KEY', chatbotId, visitor: 'b' })).toMatchObject([{ key: apiKeyId }, usageOf(0, 1)]);

    await sendAndComplete(eventsOfModel('gpt-nobody-knows'), { chatbotId: otherChatbotId, sessionId: chatbotId });
    expect(await top({ by: 'VISITOR', chatbotId: otherChatbotId })).toMatchObject([
      ...[{ key: chatbotId, chatbot: null }, { key: 'a' }].sort((a, b) => (a.key < b.key ? -1 : 1)),
    ]);

    // Visitor c has the same price as b, but more replies.
    for (const _ of [1, 2]) await sendAndComplete(eventsOfModel('gpt-nobody-knows'), { sessionId: 'c' });
    for (const _ of [1, 2]) await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'c' });
    expect((await top({ by: 'VISITOR', chatbotId })).map(({ key }) => key)).toEqual(['c', 'b', 'a']);
  });

  it('remains after its chatbot is deleted, with a null chatbot', async () => {
    const { gateway, chatbotId } = await createUsage();
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    expect(await readUsage(gateway, { chatbotId })).toMatchObject(usageOf(3, 1));
    const { top } = await readUsage(gateway, { by: 'CHATBOT' }, TOP);
    expect(top[0]).toMatchObject({ key: chatbotId, chatbot: null });
  });

  it('counts an open reply against the quota immediately, and in all other sums when it has ended', async () => {
    const { gateway, engine, chatbotId } = await startBilledGateway();
    await send(gateway, { chatbotId, content: 'Well?', sessionId: 'a' });
    expect(await readUsage(gateway)).toMatchObject({ messages: 1, days: [], unpricedMessages: 0 });
    for (const filter of [{ chatbotId }, { chatbotId, visitor: 'a' }]) {
      expect(await readUsage(gateway, filter)).toMatchObject({ ...usageOf(0), days: [] });
    }
    engine.push(delta('.'), finish);
  });

  it('counts the cost of a reply that failed before its first text, but charges no reply to the quota', async () => {
    const { gateway, chatbotId, sendAndComplete } = await startBilledGateway();
    await sendAndComplete([...eventsOfModel('gpt-4.1').slice(0, 1), new Error('Gone.')], { sessionId: 'a' });
    const cost = { inputTokens: 7, priceUsd: 0.000014 };
    expect(await readUsage(gateway)).toMatchObject({ messages: 0, ...cost, days: [{ messages: 1, ...cost }] });
    for (const filter of [{ chatbotId }, { chatbotId, visitor: 'a' }]) {
      expect(await readUsage(gateway, filter)).toMatchObject({ messages: 1, ...cost });
    }
  });

  it('sums beyond 2^53 exactly: numbers up to that bound, strings beyond it', async () => {
    const { gateway, sendAndComplete, apiKeyId, chatbotId } = await createUsage();
    await sendAndComplete(eventsOfModel('gpt-4.1'));
    // No test can send so many messages.
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('usage_days')
        .set({ input_tokens: Number.MAX_SAFE_INTEGER })
        .where('day', '=', '2026-03-16')
        .where('chatbot_id', '=', chatbotId)
        .execute(),
    );
    expect(await readUsage(gateway, { apiKeyId })).toMatchObject({ inputTokens: Number.MAX_SAFE_INTEGER });
    expect(await readUsage(gateway, { chatbotId, month: '2026-03' })).toMatchObject({
      inputTokens: '18014398509483982',
    });
  });

  it('has the limit null if no limit is configured', async () => {
    const gateway = await openGateway();
    expect(await readUsage(gateway)).toEqual({
      ...{ ...usageOf(0), limit: null, days: [], month: new Date().toISOString().slice(0, 7) },
    });
  });

  it("is zero for other accounts' ids and for invalid ids", async () => {
    const { gateway, chatbotId, apiKeyId } = await createUsage();
    for (const [name, kind, id] of [
      ['chatbotId', 'chatbot', chatbotId],
      ['apiKeyId', 'apiKey', apiKeyId],
    ] as const) {
      const variables = (requestedId: string) => ({ month: '2026-03', [name]: requestedId });
      for (const query of [USAGE, TOP.replace('$by: UsageDimension!', '$by: UsageDimension = CHATBOT')]) {
        const answers = await runForForeignAndUnknownIds(gateway, { query, id, kind, variables });
        expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
        expect(answers[0]?.errors).toBeUndefined();
      }
    }
    const { key } = await gateway.createTenant();
    const visitors = { by: 'VISITOR', chatbotId, month: '2026-03' };
    expect((await gateway.graphql(TOP, visitors, key)).data).toEqual({ viewer: { account: { usage: { top: [] } } } });
    const foreignUsage = await gateway.graphql<UsageData>(USAGE, { chatbotId, visitor: 'b', month: '2026-03' }, key);
    expect(foreignUsage.data.viewer.account.usage).toMatchObject({ ...usageOf(0), days: [] });
  });

  it.each(['', '2026', '2026-3', '2026-13', '2026-00', '2026-03-01', '2026-03\n', "2026-03' --", '٢٠٢٦-٠٣'])(
    'rejects the month %j',
    async (month) => {
      const gateway = await openGateway();
      expect(errorCodesOf(await gateway.graphql(USAGE, { month }))).toEqual(['BAD_USER_INPUT']);
    },
  );

  it('sums a range of days in a time zone, a quarter-hour off the hours of UTC included', async () => {
    const clock = createManualClock();
    const { gateway, chatbotId, sendAndComplete } = await startBilledGateway({ overrides: { clock } });
    const sendAt = (time: string) => {
      clock.advance(Date.parse(`${time}Z`) - clock.now());
      return sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'a' });
    };
    // In Kathmandu, 5 h 45 min before UTC, a day begins at 18:15; in Berlin at 23:00, and at 22:00 in summer.
    for (const time of ['2026-03-28T18:14:59', '2026-03-28T18:15', '2026-03-28T23:00', '2026-03-29T22:00'])
      await sendAt(time);
    const countDays = async (filter: object) => {
      const { days, ...sums } = await readUsage(gateway, { from: '2026-03-28', to: '2026-03-30', ...filter });
      const counts = Object.fromEntries((days as Share[]).map(({ day, messages }) => [String(day).slice(8), messages]));
      expect(sums).toMatchObject({
        month: null,
        limit: null,
        ...usageOf(Object.values(counts).reduce((a, b) => a + b, 0)),
      });
      return counts;
    };
    for (const filter of [{}, { chatbotId }, { chatbotId, visitor: 'a' }]) {
      expect(await countDays(filter)).toEqual({ 28: 3, 29: 1 });
      expect(await countDays({ ...filter, timeZone: 'UTC' })).toEqual({ 28: 3, 29: 1 });
      expect(await countDays({ ...filter, timeZone: 'Asia/Kathmandu' })).toEqual({ 28: 1, 29: 2, 30: 1 });
      expect(await countDays({ ...filter, timeZone: 'Europe/Berlin' })).toEqual({ 28: 2, 29: 1, 30: 1 });
      expect(await countDays({ ...filter, timeZone: 'Europe/Berlin', from: '2026-03-30' })).toEqual({ 30: 1 });
      expect(await countDays({ ...filter, timeZone: 'Pacific/Kiritimati', to: '2026-03-28' })).toEqual({});
    }
    const range = { from: '2026-03-28', to: '2026-03-30', timeZone: 'Asia/Kathmandu' };
    expect((await readUsage(gateway, { ...range, by: 'VISITOR', chatbotId }, TOP)).top).toMatchObject([
      { key: 'a', messages: 4 },
    ]);
    expect((await readUsage(gateway, { ...range, to: '2026-03-28', by: 'CHATBOT' }, TOP)).top).toMatchObject([
      { key: chatbotId, messages: 1 },
    ]);
  });

  it.each([
    { from: '2026-03-01' },
    { to: '2026-03-01' },
    { timeZone: 'Europe/Berlin' },
    { month: '2026-03', timeZone: 'Europe/Berlin' },
    { month: '2026-03', from: '2026-03-01', to: '2026-03-02' },
    { from: '2026-03-02', to: '2026-03-01' },
    { from: '2026-01-01', to: '2027-01-02' },
    { from: '2026-02-30', to: '2026-03-01' },
    { from: '2026-3-1', to: '2026-03-02' },
    ...['', 'Europe/Nowhere', '+05:30', 'x'.repeat(100)].map((timeZone) => ({
      ...{ from: '2026-03-01', to: '2026-03-02', timeZone },
    })),
  ])('rejects the period %j', async (period) => {
    const gateway = await openGateway();
    expect(errorCodesOf(await gateway.graphql(USAGE, period))).toEqual(['BAD_USER_INPUT']);
  });

  it('counts outcomes, and the current ratings of the replies of a day', async () => {
    const { gateway, chatbotId, sendAndComplete } = await startBilledGateway();
    const model = { type: 'author', author: { provider: 'openai', model: 'gpt-4.1' }, inputTokens: 7 } as const;
    const fallback = delta('I could not find an answer to that in my sources.');
    const { replyId } = await sendAndComplete(eventsOfModel('gpt-4.1'), { sessionId: 'a' });
    const other = await sendAndComplete([model, fallback, finish], { sessionId: 'a' });
    const day = new Date().toISOString().slice(0, 10);
    const counts = 'answered unsure fallbacks ratedUp ratedDown';
    const query = USAGE.replaceAll(COUNTS, counts);
    const expectCounts = async (expected: object) => {
      for (const filter of [
        {},
        { chatbotId, visitor: 'a' },
        { from: day, to: day },
        { from: day, to: day, timeZone: 'Etc/UTC' },
      ]) {
        expect(await readUsage(gateway, filter, query)).toMatchObject({ ...expected, days: [expected] });
      }
    };
    const outcomes = { answered: 0, unsure: 1, fallbacks: 1 };
    await expectCounts({ ...outcomes, ratedUp: 0, ratedDown: 0 });
    const rate = (messageId: string, rating: string) => mutate(gateway, 'rateMessage', { id: messageId, rating });
    await Promise.all([rate(replyId, 'UP'), rate(replyId, 'UP'), rate(other.replyId, 'UP')]);
    await expectCounts({ ...outcomes, ratedUp: 2, ratedDown: 0 });
    await Promise.all([rate(replyId, 'DOWN'), rate(replyId, 'DOWN')]);
    await expectCounts({ ...outcomes, ratedUp: 1, ratedDown: 1 });
  });

  it('allows shares by visitor once per operation, and other shares any number of times', async () => {
    const { gateway, chatbotId } = await createUsage();
    const queryAccount = (query: string, variables: object = {}) =>
      gateway.graphql(`query ($id: ID, $by: UsageDimension!) { viewer { account { ${query} } } }`, {
        ...{ id: chatbotId, by: 'VISITOR' },
        ...variables,
      });
    const all = 'key chatbot { name } apiKey { name }';
    const twice = `usage(chatbotId: $id) { a: top(by: $by, first: 1) { key } b: top(by: $by, first: 1) { key } }`;
    expect(errorCodesOf(await queryAccount(`usage(chatbotId: $id) { top(by: $by, first: 100) { ${all} } }`))).toEqual(
      [],
    );
    expect(errorCodesOf(await queryAccount(twice, { by: 'API_KEY' }))).toEqual([]);
    expect(errorCodesOf(await queryAccount(twice))).toEqual(['QUERY_TOO_COMPLEX']);
    const usageOfMonth = (name: string, month: string) =>
      `${name}: usage(chatbotId: $id, month: "${month}") { top(by: $by, first: 0) { key } }`;
    expect(errorCodesOf(await queryAccount(`${usageOfMonth('a', '2026-01')} ${usageOfMonth('b', '2026-02')}`))).toEqual(
      ['QUERY_TOO_COMPLEX'],
    );
  });

  it('rejects visitors without a chatbot, and a number of shares out of range', async () => {
    const gateway = await openGateway();
    const chatbotId = createId('chatbot');
    for (const [query, variables] of [
      [USAGE, { visitor: 'a' }],
      [TOP, { by: 'VISITOR' }],
      [TOP, { by: 'CHATBOT', first: -1 }],
      [TOP, { by: 'CHATBOT', first: 101 }],
      [TOP, { by: 'NOBODY' }],
    ] as const) {
      expect(errorCodesOf(await gateway.graphql(query, variables))).toEqual(['BAD_USER_INPUT']);
    }
    for (const visitor of ['', 'a\0b', "' or 1=1 --", 'x'.repeat(300)]) {
      expect(await readUsage(gateway, { chatbotId, visitor })).toMatchObject(usageOf(0));
    }
  });

  it('counts its lists in the cost of the query', async () => {
    const gateway = await openGateway();
    const queryUsage = (shares: string) => gateway.graphql(`{ viewer { account { usage { ${shares} } } } }`);
    expect((await queryUsage('top(first: 100) { key chatbot { name } }')).errors).toBeUndefined();
    const nestedLists = 'top(first: 100) { chatbot { sources(first: 100) { nodes { id } } } }';
    expect(errorCodesOf(await queryUsage(nestedLists))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('returns only token and message sums to a key with CHAT, no prices and no shares', async () => {
    const gateway = await openGateway();
    const keys = {
      CHAT: await createKeyWith(gateway, 'CHAT'),
      READ: await createKeyWith(gateway, 'READ'),
      MANAGE: await createKeyWith(gateway, 'MANAGE'),
    };
    const queryUsage = (fields: string, scope: keyof typeof keys) =>
      gateway.graphql(`{ viewer { account { usage { ${fields} } } } }`, {}, keys[scope]);
    expect(errorCodesOf(await queryUsage('messages inputTokens unpricedMessages', 'CHAT'))).toEqual([]);
    for (const fields of ['priceUsd', 'days { day }', 'top { key }']) {
      expect(errorCodesOf(await queryUsage(fields, 'CHAT'))).toEqual(['FORBIDDEN']);
      expect(errorCodesOf(await queryUsage(fields, 'READ'))).toEqual([]);
      expect(errorCodesOf(await queryUsage(fields, 'MANAGE'))).toEqual([]);
    }
    expect(errorCodesOf(await queryUsage('warnings { percent }', 'READ'))).toEqual(['FORBIDDEN']);
  });
});
