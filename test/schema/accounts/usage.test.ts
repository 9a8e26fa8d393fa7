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
const VARIABLES = '$month: String, $chatbotId: ID, $apiKeyId: ID, $visitor: String';
const ARGUMENTS = 'month: $month, chatbotId: $chatbotId, apiKeyId: $apiKeyId, visitor: $visitor';
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

  it('caps a sum at the largest Int, and leaves smaller shares exact', async () => {
    const { gateway, sendAndComplete, chatbotId } = await startBilledGateway();
    const largeUsage = {
      inputTokens: 2_000_000_000,
      cachedTokens: 0,
      outputTokens: 0,
      reasoningTokens: 0,
      isEstimated: false,
    };
    const steps = [delta('.'), { type: 'finish', reason: 'STOP', usage: largeUsage }] as const;
    for (const sessionId of ['a', 'b']) await sendAndComplete(steps, { sessionId });
    expect(await readUsage(gateway)).toMatchObject({ messages: 2, inputTokens: 2_147_483_647 });
    const { top } = await readUsage(gateway, { by: 'VISITOR', chatbotId }, TOP);
    expect(top).toMatchObject([{ inputTokens: 2_000_000_000 }, { inputTokens: 2_000_000_000 }]);
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
