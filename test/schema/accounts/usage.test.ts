import { describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { byModel, startBilled } from '../../helpers/models/billed.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { codesOf } from '../../helpers/sockets.ts';
import { keyWith, mutate, openGateway, runAsOtherAccount } from '../support.ts';

const DAY_MS = 86_400_000;
const COUNTS = 'messages inputTokens cachedTokens outputTokens reasoningTokens priceUsd unpricedMessages';
const ARGS = '$month: String, $chatbotId: ID, $apiKeyId: ID, $visitor: String';
const GIVEN = 'month: $month, chatbotId: $chatbotId, apiKeyId: $apiKeyId, visitor: $visitor';
const USAGE = `query (${ARGS}) { viewer { account { usage(${GIVEN}) { month ${COUNTS} limit days { day ${COUNTS} } } } } }`;
const TOP = `query (${ARGS}, $by: UsageDimension!, $first: Int) { viewer { account { usage(${GIVEN}) {
  top(by: $by, first: $first) { key ${COUNTS} chatbot { name } apiKey { name } }
} } } }`;

/** The usage of `count` replies with a price, and `unpriced` ones without. */
const usageOf = (count: number, unpriced = 0) => ({
  messages: count + unpriced,
  inputTokens: (count + unpriced) * 1_000,
  cachedTokens: (count + unpriced) * 400,
  outputTokens: (count + unpriced) * 10,
  reasoningTokens: (count + unpriced) * 4,
  priceUsd: count === 0 && unpriced > 0 ? null : Math.round(count * 1_480) / 1e6,
  unpricedMessages: unpriced,
});

interface Asked {
  readonly viewer: { readonly account: { readonly usage: Record<string, unknown> & { top: Share[] } } };
}
type Share = { key: string; messages: number } & Record<string, unknown>;

async function readUsage(gateway: TestGateway, variables: object = {}, query = USAGE) {
  const { data, errors } = await gateway.graphql<Asked>(query, variables);
  expect(errors).toBeUndefined();
  return data.viewer.account.usage;
}

/** Creates usage of two chatbots, two keys and three visitors, on two days and one in the month before. */
async function useUp() {
  const clock = createManualClock();
  const billed = await startBilled({ replaced: { clock }, env: { MONTHLY_MESSAGE_LIMIT: '1000' } });
  const { gateway, ask } = billed;
  const other = await createChatbot(gateway, { name: 'Other' });
  const key = await keyWith(gateway, 'CHAT', 'READ');
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>(
    '{ viewer { apiKey { id } } }',
    {},
    key,
  );
  clock.turn(-20 * DAY_MS);
  await ask(byModel('gpt-4.1'), { sessionId: 'a' });
  clock.turn(20 * DAY_MS);
  await ask(byModel('gpt-4.1'), { sessionId: 'a' });
  await ask(byModel('gpt-nobody-knows'), { sessionId: 'b' });
  clock.turn(DAY_MS);
  await ask(byModel('gpt-4.1'), { sessionId: 'b', key });
  await ask(byModel('gpt-4.1'), { sessionId: 'b', key });
  await ask(byModel('gpt-nobody-knows'), { chatbotId: other, sessionId: 'a' });
  return { ...billed, other, key, apiKeyId: data.viewer.apiKey.id, clock };
}

describe('usage', () => {
  it('sums a month by day, for the account, a chatbot, a key or a visitor, with known prices', async () => {
    const { gateway, chatbotId, other, apiKeyId } = await useUp();
    const first = { day: '2026-03-15', ...usageOf(1, 1) };
    const second = { day: '2026-03-16', ...usageOf(2, 1) };
    const march = { month: '2026-03', limit: 1_000 };
    expect(await readUsage(gateway)).toEqual({ ...march, ...usageOf(3, 2), days: [first, second] });
    const february = { ...usageOf(1), days: [{ day: '2026-02-23' }] };
    expect(await readUsage(gateway, { month: '2026-02' })).toMatchObject(february);
    const ofChatbot = { ...march, ...usageOf(3, 1), days: [first, { day: '2026-03-16', ...usageOf(2) }] };
    expect(await readUsage(gateway, { chatbotId })).toEqual(ofChatbot);
    expect(await readUsage(gateway, { chatbotId: chatbotId.toUpperCase() })).toEqual(ofChatbot);
    expect(await readUsage(gateway, { chatbotId: other })).toMatchObject(usageOf(0, 1));
    const withKey = { ...march, ...usageOf(2), days: [{ day: '2026-03-16', ...usageOf(2) }] };
    expect(await readUsage(gateway, { apiKeyId })).toEqual(withKey);
    expect(await readUsage(gateway, { chatbotId, visitor: 'b', apiKeyId })).toEqual(withKey);
    expect(await readUsage(gateway, { chatbotId: other, apiKeyId })).toMatchObject(usageOf(0));
    const ofVisitor = { ...usageOf(1), days: [{ ...usageOf(1) }] };
    expect(await readUsage(gateway, { chatbotId, visitor: 'a' })).toMatchObject(ofVisitor);
    expect(await readUsage(gateway, { chatbotId, visitor: 'b' })).toMatchObject(usageOf(2, 1));
  });

  it('has its largest shares by chatbot, key and visitor, most expensive first', async () => {
    const { gateway, chatbotId, other, apiKeyId, ask } = await useUp();
    const top = async (variables: object) => (await readUsage(gateway, variables, TOP)).top;
    expect(await top({ by: 'CHATBOT' })).toEqual([
      { key: chatbotId, ...usageOf(3, 1), chatbot: { name: 'Helper' }, apiKey: null },
      { key: other, ...usageOf(0, 1), chatbot: { name: 'Other' }, apiKey: null },
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

    await ask(byModel('gpt-nobody-knows'), { chatbotId: other, sessionId: chatbotId });
    expect(await top({ by: 'VISITOR', chatbotId: other })).toMatchObject([
      ...[{ key: chatbotId, chatbot: null }, { key: 'a' }].sort((a, b) => (a.key < b.key ? -1 : 1)),
    ]);

    // The same price as b, but more replies.
    for (const _ of [1, 2]) await ask(byModel('gpt-nobody-knows'), { sessionId: 'c' });
    for (const _ of [1, 2]) await ask(byModel('gpt-4.1'), { sessionId: 'c' });
    expect((await top({ by: 'VISITOR', chatbotId })).map(({ key }) => key)).toEqual(['c', 'b', 'a']);
  });

  it('remains after its chatbot is deleted, with a null chatbot', async () => {
    const { gateway, chatbotId } = await useUp();
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    expect(await readUsage(gateway, { chatbotId })).toMatchObject(usageOf(3, 1));
    const { top } = await readUsage(gateway, { by: 'CHATBOT' }, TOP);
    expect(top[0]).toMatchObject({ key: chatbotId, chatbot: null });
  });

  it('counts an open reply against the quota at once, and elsewhere when it has ended', async () => {
    const { gateway, engine, chatbotId } = await startBilled();
    await send(gateway, { chatbotId, content: 'Well?', sessionId: 'a' });
    expect(await readUsage(gateway)).toMatchObject({ messages: 1, days: [], unpricedMessages: 0 });
    for (const of of [{ chatbotId }, { chatbotId, visitor: 'a' }]) {
      expect(await readUsage(gateway, of)).toMatchObject({ ...usageOf(0), days: [] });
    }
    engine.push(delta('.'), finish);
  });

  it('counts the cost of a reply that failed before its first text, but not against the quota', async () => {
    const { gateway, chatbotId, ask } = await startBilled();
    await ask([...byModel('gpt-4.1').slice(0, 1), new Error('Gone.')], { sessionId: 'a' });
    const cost = { inputTokens: 7, priceUsd: 0.000014 };
    expect(await readUsage(gateway)).toMatchObject({ messages: 0, ...cost, days: [{ messages: 1, ...cost }] });
    for (const of of [{ chatbotId }, { chatbotId, visitor: 'a' }]) {
      expect(await readUsage(gateway, of)).toMatchObject({ messages: 1, ...cost });
    }
  });

  it('caps a sum at the largest Int, but not the shares that fit', async () => {
    const { gateway, ask, chatbotId } = await startBilled();
    const much = {
      inputTokens: 2_000_000_000,
      cachedTokens: 0,
      outputTokens: 0,
      reasoningTokens: 0,
      isEstimated: false,
    };
    const steps = [delta('.'), { type: 'finish', reason: 'STOP', usage: much }] as const;
    for (const sessionId of ['a', 'b']) await ask(steps, { sessionId });
    expect(await readUsage(gateway)).toMatchObject({ messages: 2, inputTokens: 2_147_483_647 });
    const { top } = await readUsage(gateway, { by: 'VISITOR', chatbotId }, TOP);
    expect(top).toMatchObject([{ inputTokens: 2_000_000_000 }, { inputTokens: 2_000_000_000 }]);
  });

  it('has no limit if none is set', async () => {
    const gateway = await openGateway();
    expect(await readUsage(gateway)).toEqual({
      ...{ ...usageOf(0), limit: null, days: [], month: new Date().toISOString().slice(0, 7) },
    });
  });

  it("is zero for other accounts' ids and for invalid ids", async () => {
    const { gateway, chatbotId, apiKeyId } = await useUp();
    for (const [name, kind, id] of [
      ['chatbotId', 'chatbot', chatbotId],
      ['apiKeyId', 'apiKey', apiKeyId],
    ] as const) {
      const variables = (named: string) => ({ month: '2026-03', [name]: named });
      for (const query of [USAGE, TOP.replace('$by: UsageDimension!', '$by: UsageDimension = CHATBOT')]) {
        const answers = await runAsOtherAccount(gateway, { query, id, kind, variables });
        expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
        expect(answers[0]?.errors).toBeUndefined();
      }
    }
    const { key } = await gateway.createTenant();
    const visitors = { by: 'VISITOR', chatbotId, month: '2026-03' };
    expect((await gateway.graphql(TOP, visitors, key)).data).toEqual({ viewer: { account: { usage: { top: [] } } } });
    const one = await gateway.graphql<Asked>(USAGE, { chatbotId, visitor: 'b', month: '2026-03' }, key);
    expect(one.data.viewer.account.usage).toMatchObject({ ...usageOf(0), days: [] });
  });

  it.each(['', '2026', '2026-3', '2026-13', '2026-00', '2026-03-01', '2026-03\n', "2026-03' --", '٢٠٢٦-٠٣'])(
    'rejects the month %j',
    async (month) => {
      const gateway = await openGateway();
      expect(codesOf(await gateway.graphql(USAGE, { month }))).toEqual(['BAD_USER_INPUT']);
    },
  );

  it('allows shares by visitor once per operation, and other shares any number of times', async () => {
    const { gateway, chatbotId } = await useUp();
    const ask = (query: string, variables: object = {}) =>
      gateway.graphql(`query ($id: ID, $by: UsageDimension!) { viewer { account { ${query} } } }`, {
        ...{ id: chatbotId, by: 'VISITOR' },
        ...variables,
      });
    const all = 'key chatbot { name } apiKey { name }';
    const twice = `usage(chatbotId: $id) { a: top(by: $by, first: 1) { key } b: top(by: $by, first: 1) { key } }`;
    expect(codesOf(await ask(`usage(chatbotId: $id) { top(by: $by, first: 100) { ${all} } }`))).toEqual([]);
    expect(codesOf(await ask(twice, { by: 'API_KEY' }))).toEqual([]);
    expect(codesOf(await ask(twice))).toEqual(['QUERY_TOO_COMPLEX']);
    const apart = (name: string, month: string) =>
      `${name}: usage(chatbotId: $id, month: "${month}") { top(by: $by, first: 0) { key } }`;
    expect(codesOf(await ask(`${apart('a', '2026-01')} ${apart('b', '2026-02')}`))).toEqual(['QUERY_TOO_COMPLEX']);
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
      expect(codesOf(await gateway.graphql(query, variables))).toEqual(['BAD_USER_INPUT']);
    }
    for (const visitor of ['', 'a\0b', "' or 1=1 --", 'x'.repeat(300)]) {
      expect(await readUsage(gateway, { chatbotId, visitor })).toMatchObject(usageOf(0));
    }
  });

  it('counts its lists in the cost of the query', async () => {
    const gateway = await openGateway();
    const ask = (shares: string) => gateway.graphql(`{ viewer { account { usage { ${shares} } } } }`);
    expect((await ask('top(first: 100) { key chatbot { name } }')).errors).toBeUndefined();
    const more = 'top(first: 100) { chatbot { sources(first: 100) { nodes { id } } } }';
    expect(codesOf(await ask(more))).toEqual(['QUERY_TOO_COMPLEX']);
  });

  it('shows a key with CHAT only the sums, but no prices and no shares', async () => {
    const gateway = await openGateway();
    const keys = {
      CHAT: await keyWith(gateway, 'CHAT'),
      READ: await keyWith(gateway, 'READ'),
      MANAGE: await keyWith(gateway, 'MANAGE'),
    };
    const ask = (fields: string, scope: keyof typeof keys) =>
      gateway.graphql(`{ viewer { account { usage { ${fields} } } } }`, {}, keys[scope]);
    expect(codesOf(await ask('messages inputTokens unpricedMessages', 'CHAT'))).toEqual([]);
    for (const fields of ['priceUsd', 'days { day }', 'top { key }']) {
      expect(codesOf(await ask(fields, 'CHAT'))).toEqual(['FORBIDDEN']);
      expect(codesOf(await ask(fields, 'READ'))).toEqual([]);
      expect(codesOf(await ask(fields, 'MANAGE'))).toEqual([]);
    }
    expect(codesOf(await ask('warnings { percent }', 'READ'))).toEqual(['FORBIDDEN']);
  });
});
