import { describe, expect, it, onTestFinished } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { openSocket } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate, openGateway } from '../schema/support.ts';

const LIMITS = `limits { perMinute perVisitorPerMinute monthlyMessages monthlyPriceUsd used { messages tokens priceUsd } }`;

async function openKey(gateway: TestGateway) {
  const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT', 'MANAGE']);
  const { data } = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
  return { key, id: data.viewer.apiKey.id };
}

const setLimit = <T = { apiKey: object }>(gateway: TestGateway, input: object, selection = `apiKey { ${LIMITS} }`) =>
  mutate<T>(gateway, 'setRateLimit', input, { selection });

const trySend = (gateway: TestGateway, input: object, key: string) =>
  gateway.graphql<{ sendMessage: { __typename: string; message?: string } }>(
    'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename ... on Error { message } } }',
    { input: { content: 'Hello', ...input } },
    key,
  );
const outcomeOf = async (answer: ReturnType<typeof trySend>) => {
  const { data, errors } = await answer;
  return errors?.[0]?.extensions.code ?? data.sendMessage.__typename;
};

describe('setRateLimit of a key', () => {
  it('changes only the given limits, and clears those that are null', async () => {
    const gateway = await openGateway();
    const { id } = await openKey(gateway);
    const used = { messages: 0, tokens: 0, priceUsd: 0 };
    const all = { perMinute: 5, perVisitorPerMinute: 2, monthlyMessages: 7, monthlyPriceUsd: 1.5 };
    expect(await setLimit(gateway, { apiKeyId: id, ...all })).toMatchObject({ apiKey: { limits: { ...all, used } } });
    const changed = await setLimit(gateway, { apiKeyId: id, monthlyPriceUsd: 0.1, perMinute: null });
    expect(changed).toMatchObject({ apiKey: { limits: { ...all, perMinute: null, monthlyPriceUsd: 0.1 } } });
  });

  it('applies to requests and open sockets at once, and shows in the headers and the graph', async () => {
    const gateway = await openGateway();
    const { id, key } = await openKey(gateway);
    const socket = openSocket(gateway, { 'x-api-key': key });
    await socket.connected;
    await setLimit(gateway, { apiKeyId: id, perMinute: 3, monthlyMessages: 100 });
    const headers = { 'x-api-key': key };
    const response = await gateway.fetch('/v1/chatbots', { headers });
    expect(response.headers.get('ratelimit-policy')).toMatch(/^"burst";q=3;w=60, "month";q=100;w=2\d{6}$/);
    expect(response.headers.get('ratelimit')).toMatch(/^"burst";r=1;t=\d+, "month";r=100;t=\d+$/);
    const query = '{ viewer { apiKey { rateLimit { limit remaining } } } }';
    const expected = { data: { viewer: { apiKey: { rateLimit: { limit: 3, remaining: 0 } } } } };
    expect(await socket.execute(query)).toEqual(expected);
    expect(await socket.execute(query)).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
    expect((await gateway.fetch('/v1/chatbots', { headers })).status).toBe(429);
    await setLimit(gateway, { apiKeyId: id, perMinute: null });
    expect((await gateway.fetch('/v1/chatbots', { headers })).status).toBe(200);
    socket.close();
  });

  it('limits the messages of each visitor', async () => {
    const gateway = await openGateway();
    const { id, key } = await openKey(gateway);
    const chatbotId = await createChatbot(gateway);
    await setLimit(gateway, { apiKeyId: id, perVisitorPerMinute: 1 });
    const of = (externalId: string) => outcomeOf(trySend(gateway, { chatbotId, visitor: { externalId } }, key));
    expect([await of('ada'), await of('ada'), await of('bob')]).toEqual([
      ...['SendMessagePayload', 'RATE_LIMITED', 'SendMessagePayload'],
    ]);
    const named = (sessionId: string) => outcomeOf(trySend(gateway, { chatbotId, sessionId }, key));
    expect([await named('a'), await named('a'), await named('b')]).toEqual([
      ...['SendMessagePayload', 'RATE_LIMITED', 'SendMessagePayload'],
    ]);
  });

  it('refuses a message that exceeds the monthly budget, before it is stored', async () => {
    const gateway = await openGateway();
    const { id, key } = await openKey(gateway);
    const chatbotId = await createChatbot(gateway);
    await setLimit(gateway, { apiKeyId: id, monthlyMessages: 2 });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => trySend(gateway, { chatbotId, sessionId: `s${n}` }, key)),
    );
    const names = answers.map(({ data }) => data.sendMessage.__typename).sort();
    expect(names).toEqual([...Array(4).fill('QuotaExceededError'), ...Array(2).fill('SendMessagePayload')]);
    const refusal = answers.find(({ data }) => data.sendMessage.__typename === 'QuotaExceededError');
    expect(refusal?.data.sendMessage.message).toBe('The monthly budget of the API key is used up.');
    const { data } = await gateway.graphql(
      `{ viewer { account { usage { messages } } } conversations { totalCount } }`,
    );
    expect(data).toEqual({ viewer: { account: { usage: { messages: 2 } } }, conversations: { totalCount: 2 } });
    // Another key is not affected.
    expect(await outcomeOf(trySend(gateway, { chatbotId }, gateway.key))).toBe('SendMessagePayload');
    const rest = await gateway.fetch(`/v1/chatbots/${chatbotId}/chat`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Hello', session_id: 'rest' }),
    });
    expect([rest.status, await rest.json()]).toEqual([429, { detail: 'Monthly message limit reached.' }]);
  });

  it('gives a reply back that is stopped before its first text', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
    const { id, key } = await openKey(gateway);
    const chatbotId = await createChatbot(gateway);
    await setLimit(gateway, { apiKeyId: id, monthlyMessages: 1 });
    const { replyId, conversationId } = await send(gateway, { chatbotId, content: 'Hello' }, key);
    expect(await outcomeOf(trySend(gateway, { conversationId }, key))).toBe('QuotaExceededError');
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await mutate(gateway, 'stopMessage', { id: replyId }, { key });
    await reader.ended;
    expect(await outcomeOf(trySend(gateway, { conversationId }, key))).toBe('SendMessagePayload');
    engine.push(delta('Yes.'), finish);
  });

  it('counts the usage of a month before there is a limit, and refuses when the price has reached it', async () => {
    const engine: AnswerEngine = {
      async *answer() {
        yield delta('Yes.');
        yield {
          ...finish,
          usage: { inputTokens: 70, cachedTokens: 0, outputTokens: 30, reasoningTokens: 0, isEstimated: false },
        };
      },
    };
    const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
    onTestFinished(() => gateway.close());
    const { id, key } = await openKey(gateway);
    const chatbotId = await createChatbot(gateway);
    const { replyId, conversationId } = await send(gateway, { chatbotId, content: 'Hello' }, key);
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    const limits = await setLimit(gateway, { apiKeyId: id, monthlyPriceUsd: 0 });
    expect(limits).toMatchObject({ apiKey: { limits: { used: { messages: 1, tokens: 100 } } } });
    expect(await outcomeOf(trySend(gateway, { conversationId }, key))).toBe('QuotaExceededError');
  });

  it.each([
    [{}, []],
    [{ apiKeyId: 'x', chatbotId: 'y' }, []],
    [{ apiKeyId: 'x', perMinute: 0 }, ['perMinute']],
    [{ apiKeyId: 'x', perVisitorPerMinute: 1_000_001 }, ['perVisitorPerMinute']],
    [{ apiKeyId: 'x', monthlyMessages: -1 }, ['monthlyMessages']],
    [{ apiKeyId: 'x', monthlyPriceUsd: 1e9 }, ['monthlyPriceUsd']],
    [{ apiKeyId: 'x', visitorMonthlyTokens: 5 }, ['visitorMonthlyTokens']],
  ])('refuses %j', async (input, path) => {
    const gateway = await openGateway();
    expect(await mutate(gateway, 'setRateLimit', input)).toMatchObject({
      __typename: 'InvalidInputError',
      fields: [{ path }],
    });
  });
});

describe('setRateLimit of the sessions of a chatbot', () => {
  async function openSessions() {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const createToken = async (externalId: string) => {
      const input = { chatbotId, visitor: { externalId } };
      return (await mutate<{ token: string }>(gateway, 'createSessionToken', input, { selection: 'token' })).token;
    };
    const ada = await createToken('ada');
    const sendAs = (key: string) => outcomeOf(trySend(gateway, { chatbotId }, key));
    return { gateway, chatbotId, ada, bob: await createToken('bob'), sendAs };
  }

  it.each([
    [{ monthlyMessages: 1 }, ['SendMessagePayload', 'QuotaExceededError', 'QuotaExceededError']],
    [{ visitorMonthlyMessages: 1 }, ['SendMessagePayload', 'QuotaExceededError', 'SendMessagePayload']],
    [{ visitorMonthlyTokens: 0 }, ['QuotaExceededError', 'QuotaExceededError', 'QuotaExceededError']],
    [{ perVisitorPerMinute: 1 }, ['SendMessagePayload', 'RATE_LIMITED', 'SendMessagePayload']],
    [{ perMinute: 2 }, ['SendMessagePayload', 'SendMessagePayload', 'RATE_LIMITED']],
  ])('applies %j to sessions at once, and not to keys', async (limits, expected) => {
    const { gateway, chatbotId, ada, bob, sendAs } = await openSessions();
    await setLimit(gateway, { chatbotId, ...limits }, 'chatbot { id }');
    expect([await sendAs(ada), await sendAs(ada), await sendAs(bob)]).toEqual(expected);
    expect(await sendAs(gateway.key)).toBe('SendMessagePayload');
    await setLimit(
      gateway,
      { chatbotId, ...Object.fromEntries(Object.keys(limits).map((name) => [name, null])) },
      'chatbot { id }',
    );
    expect(await sendAs(bob)).toBe('SendMessagePayload');
  });

  it('stores the limits, and limits no key', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const limits = {
      perMinute: 9,
      monthlyMessages: 0,
      visitorMonthlyMessages: 3,
      visitorMonthlyTokens: 50,
      visitorMonthlyPriceUsd: 0.25,
    };
    const selection = `chatbot { sessionLimits { ${Object.keys(limits).join(' ')} perVisitorPerMinute } }`;
    const set = await setLimit(gateway, { chatbotId, ...limits }, selection);
    expect(set).toMatchObject({ chatbot: { sessionLimits: { ...limits, perVisitorPerMinute: null } } });
    // A change of other fields keeps them.
    await mutate(gateway, 'updateChatbot', { id: chatbotId, name: 'Renamed' });
    const { data } = await gateway.graphql(`{ chatbot(id: "${chatbotId}") { name sessionLimits { perMinute } } }`);
    expect(data).toEqual({ chatbot: { name: 'Renamed', sessionLimits: { perMinute: 9 } } });
    expect(await outcomeOf(trySend(gateway, { chatbotId }, gateway.key))).toBe('SendMessagePayload');
  });
});
