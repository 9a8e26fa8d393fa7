import { describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/domain/entities.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { engineOf, NOW, openGateway, type RestGateway, type RestGatewayOptions, UNKNOWN_ID } from './support.ts';

/** A request and its exact response. `:id` stands for the id of the chatbot. `body` and `status` are the response's. */
interface EndpointCase extends RestGatewayOptions {
  readonly title: string;
  readonly prepare?: (gateway: RestGateway) => Promise<unknown>;
  /** Creates the `Authorization` header; by default it has the key of the first account. */
  readonly authorize?: (gateway: RestGateway) => Promise<string>;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly requestBody?: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  readonly body: string;
  readonly responseHeaders?: Record<string, string>;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const CHAT_REQUEST = {
  method: 'POST',
  path: '/chatbots/:id/chat',
  headers: JSON_TYPE,
  requestBody: '{"message":"Hello"}',
};

const UNAUTHORIZED = { status: 401, body: '{"detail":"Unauthorized"}' };
const FORBIDDEN = { status: 403, body: '{"detail":"This credential may not do that."}' };
const NOT_FOUND = { status: 404, body: '{"detail":"Not Found"}' };
const METHOD_NOT_ALLOWED = { status: 405, body: '{"detail":"Method not allowed"}' };
const BAD_LIMIT = { status: 400, body: '{"detail":"limit: Must be a whole number from 1 to 100."}' };
const BAD_CURSOR = { status: 400, body: '{"detail":"The cursor does not belong to this list."}' };
const UNPARSABLE_BODY = { status: 400, body: '{"detail":"Cannot parse request body"}' };
const GET_ONLY = { ...METHOD_NOT_ALLOWED, responseHeaders: { Allow: 'GET, HEAD' } };

const keyWithScopes =
  (...scopes: Scope[]) =>
  async ({ accountId, createKey }: RestGateway) =>
    `Bearer ${await createKey(accountId, scopes)}`;
const otherAccountKey = async ({ createTenant }: RestGateway) => `Bearer ${(await createTenant()).key}`;
const pauseChatbot = ({ graphql, chatbotId }: RestGateway) =>
  graphql('mutation ($id: ID!) { updateChatbot(input: { id: $id, isActive: false }) { __typename } }', {
    id: chatbotId,
  });

/** The responses to invalid credentials, which are the same for every endpoint. */
function commonCases(
  request: Pick<EndpointCase, 'method' | 'path' | 'headers' | 'requestBody'>,
  scope: Scope,
): EndpointCase[] {
  const wrongScope = scope === 'READ' ? 'CHAT' : 'READ';
  return [
    { title: 'no key', ...request, authorize: async () => '', ...UNAUTHORIZED },
    { title: 'an invalid key', ...request, authorize: async () => 'Bearer ic_nonsense', ...UNAUTHORIZED },
    { title: 'a key without the scope', ...request, authorize: keyWithScopes(wrongScope), ...FORBIDDEN },
  ];
}

/** The responses to invalid ids, which are the same for every endpoint of a chatbot. */
function chatbotCases(request: Pick<EndpointCase, 'method' | 'path' | 'headers' | 'requestBody'>): EndpointCase[] {
  const withId = (id: string) => ({ ...request, path: request.path.replace(':id', id) });
  return [
    { title: 'an unknown chatbot', ...withId(UNKNOWN_ID), ...NOT_FOUND },
    { title: 'an invalid id', ...withId('42'), ...NOT_FOUND },
    { title: 'a chatbot of another account', ...request, authorize: otherAccountKey, ...NOT_FOUND },
  ];
}

const LISTED_CHATBOT = `{"id":":id","name":"Support","slug":"support","provider":"builtin","is_active":true,"created_at":"${NOW}"}`;

const LIST_CHATBOTS: EndpointCase[] = [
  { title: 'one chatbot', path: '/chatbots', status: 200, body: `[${LISTED_CHATBOT}]` },
  {
    title: 'a paused chatbot',
    prepare: pauseChatbot,
    path: '/chatbots',
    status: 200,
    body: `[${LISTED_CHATBOT.replace('true', 'false')}]`,
  },
  { title: 'an account without chatbots', authorize: otherAccountKey, path: '/chatbots', status: 200, body: '[]' },
  {
    title: 'a key with READ only',
    authorize: keyWithScopes('READ'),
    path: '/chatbots',
    status: 200,
    body: `[${LISTED_CHATBOT}]`,
  },
  {
    title: 'a scheme in another letter case',
    authorize: async ({ key }) => `bEARER ${key}`,
    path: '/chatbots',
    status: 200,
    body: `[${LISTED_CHATBOT}]`,
  },
  { title: 'an unknown parameter', path: '/chatbots?color=red', status: 200, body: `[${LISTED_CHATBOT}]` },
  { title: 'a limit of 0', path: '/chatbots?limit=0', ...BAD_LIMIT },
  { title: 'a limit above 100', path: '/chatbots?limit=101', ...BAD_LIMIT },
  { title: 'a limit that is not a number', path: '/chatbots?limit=ten', ...BAD_LIMIT },
  { title: 'an empty limit', path: '/chatbots?limit=', ...BAD_LIMIT },
  { title: 'an invalid cursor', path: '/chatbots?after=garbage', ...BAD_CURSOR },
  { title: 'an empty cursor', path: '/chatbots?after=', ...BAD_CURSOR },
  { title: 'another method', method: 'POST', path: '/chatbots', ...GET_ONLY },
  ...commonCases({ path: '/chatbots' }, 'READ'),
];

const GET_CHATBOT: EndpointCase[] = [
  {
    title: 'a chatbot',
    path: '/chatbots/:id',
    status: 200,
    body: `{"id":":id","name":"Support","slug":"support","provider":"builtin","system_prompt":"","fallback_message":"I could not find an answer to that in my sources.","is_active":true,"created_at":"${NOW}"}`,
  },
  { title: 'another method', method: 'DELETE', path: '/chatbots/:id', ...GET_ONLY },
  ...commonCases({ path: '/chatbots/:id' }, 'READ'),
  ...chatbotCases({ path: '/chatbots/:id' }),
];

const LIST_SOURCES: EndpointCase[] = [
  { title: 'no sources', path: '/chatbots/:id/sources', status: 200, body: '[]' },
  { title: 'a limit of 0', path: '/chatbots/:id/sources?limit=0', ...BAD_LIMIT },
  { title: 'an invalid cursor', path: '/chatbots/:id/sources?after=garbage', ...BAD_CURSOR },
  { title: 'another method', method: 'PATCH', path: '/chatbots/:id/sources', ...GET_ONLY },
  ...commonCases({ path: '/chatbots/:id/sources' }, 'READ'),
  ...chatbotCases({ path: '/chatbots/:id/sources' }),
];

const CHAT: EndpointCase[] = [
  { title: 'a message', ...CHAT_REQUEST, status: 200, body: '{"response":"It is so."}' },
  {
    title: 'a key with CHAT only',
    ...CHAT_REQUEST,
    authorize: keyWithScopes('CHAT'),
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'unknown fields',
    ...CHAT_REQUEST,
    requestBody: '{"message":"Hello","session_id":"s","stream":true}',
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'a session id that is null',
    ...CHAT_REQUEST,
    requestBody: '{"message":"Hello","session_id":null}',
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'a content type with parameters',
    ...CHAT_REQUEST,
    headers: { 'Content-Type': 'Application/JSON; charset=utf-8' },
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'an interrupted answer',
    ...CHAT_REQUEST,
    engine: engineOf('It is', new Error('gone')),
    status: 200,
    body: '{"response":"It is"}',
  },
  { title: 'no body', ...CHAT_REQUEST, headers: {}, requestBody: '', ...UNPARSABLE_BODY },
  { title: 'invalid JSON', ...CHAT_REQUEST, requestBody: '{"message":', ...UNPARSABLE_BODY },
  {
    title: 'invalid UTF-8',
    ...CHAT_REQUEST,
    requestBody: Uint8Array.of(...Buffer.from('{"message":"'), 0xff, 0x22, 0x7d),
    ...UNPARSABLE_BODY,
  },
  {
    title: 'a body that is a list',
    ...CHAT_REQUEST,
    requestBody: '[]',
    status: 400,
    body: '{"detail":"Must be an object."}',
  },
  { title: 'no message', ...CHAT_REQUEST, requestBody: '{}', status: 400, body: '{"detail":"message: Is required."}' },
  {
    title: 'a message that is null',
    ...CHAT_REQUEST,
    requestBody: '{"message":null}',
    status: 400,
    body: '{"detail":"message: Must be a string."}',
  },
  {
    title: 'a blank message',
    ...CHAT_REQUEST,
    requestBody: '{"message":"  "}',
    status: 400,
    body: '{"detail":"message: Must not be empty."}',
  },
  {
    title: 'a message that is too long',
    ...CHAT_REQUEST,
    requestBody: JSON.stringify({ message: 'a'.repeat(8_001) }),
    status: 400,
    body: '{"detail":"message: Must have at most 8000 characters."}',
  },
  {
    title: 'a session id of the wrong type',
    ...CHAT_REQUEST,
    requestBody: '{"message":"Hello","session_id":7}',
    status: 400,
    body: '{"detail":"session_id: Must be a string."}',
  },
  {
    title: 'a session id that is too long',
    ...CHAT_REQUEST,
    requestBody: JSON.stringify({ message: 'Hello', session_id: 'a'.repeat(256) }),
    status: 400,
    body: '{"detail":"session_id: Must have at most 255 characters."}',
  },
  {
    title: 'an invalid body for an unknown chatbot',
    ...CHAT_REQUEST,
    path: `/chatbots/${UNKNOWN_ID}/chat`,
    requestBody: '{}',
    status: 400,
    body: '{"detail":"message: Is required."}',
  },
  {
    title: 'a paused chatbot',
    ...CHAT_REQUEST,
    prepare: pauseChatbot,
    status: 400,
    body: '{"detail":"Chatbot is not active."}',
  },
  {
    title: 'another method',
    method: 'GET',
    path: '/chatbots/:id/chat',
    ...METHOD_NOT_ALLOWED,
    responseHeaders: { Allow: 'POST' },
  },
  {
    title: 'a body that is too large',
    ...CHAT_REQUEST,
    requestBody: JSON.stringify({ message: 'a'.repeat(262_144) }),
    status: 413,
    body: '{"detail":"Request body is too large. At most 256 kB are accepted."}',
  },
  {
    title: 'another content type',
    ...CHAT_REQUEST,
    headers: { 'Content-Type': 'text/plain' },
    status: 415,
    body: '{"detail":"Request body must be application/json."}',
  },
  {
    title: 'an exhausted quota',
    ...CHAT_REQUEST,
    env: { MONTHLY_MESSAGE_LIMIT: '1' },
    prepare: ({ chat }) => chat({ message: 'The only one' }),
    status: 429,
    body: '{"detail":"Monthly message limit reached."}',
  },
  {
    title: 'a model that fails',
    ...CHAT_REQUEST,
    engine: engineOf(new Error('secret reason')),
    status: 502,
    body: '{"detail":"The answer could not be produced."}',
  },
  ...commonCases(CHAT_REQUEST, 'CHAT'),
  ...chatbotCases(CHAT_REQUEST),
];

const OTHER_PATHS: EndpointCase[] = [
  { title: 'the root', path: '', ...NOT_FOUND },
  { title: 'an unknown path', path: '/chatbots/:id/pages', ...NOT_FOUND },
  { title: 'an unknown path without a key', path: '/pages', authorize: async () => '', ...UNAUTHORIZED },
];

/** Defines a test for each case. Each test uses both path prefixes, and a path with a trailing slash. */
function defineTests(cases: EndpointCase[]): void {
  it.each(cases)(
    'responds to $title with $status',
    async ({ prepare, authorize, method, path, headers, requestBody, ...testCase }) => {
      const gateway = await openGateway(testCase);
      await prepare?.(gateway);
      const Authorization = authorize === undefined ? `Bearer ${gateway.key}` : await authorize(gateway);
      const [pathname = '', query = ''] = path.replace(':id', gateway.chatbotId).split(/(?=\?)/);
      for (const address of [`/v1${pathname}`, `/api/v1${pathname}`, `/v1${pathname}/`]) {
        const response = await gateway.fetch(address + query, {
          method: method ?? 'GET',
          headers: { ...headers, ...(Authorization && { Authorization }) },
          body: requestBody ?? null,
        });
        expect(await response.text()).toBe(testCase.body.replace(':id', gateway.chatbotId));
        expect(response.status).toBe(testCase.status);
        expect(response.headers.get('Content-Type')).toBe('application/json');
        for (const [name, value] of Object.entries(testCase.responseHeaders ?? {})) {
          expect(response.headers.get(name)).toBe(value);
        }
      }
    },
  );
}

describe('GET /chatbots', () => {
  defineTests(LIST_CHATBOTS);

  it('lists chatbots, oldest first', async () => {
    const gateway = await openGateway();
    const second = await createChatbot(gateway, { name: 'Second' });
    const listed = (await (await gateway.send('/v1/chatbots')).json()) as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual([gateway.chatbotId, second]);
  });
});

describe('GET /chatbots/{chatbot_id}', () => {
  defineTests(GET_CHATBOT);

  it('accepts an id in upper case', async () => {
    const { send, chatbotId } = await openGateway();
    expect((await send(`/v1/chatbots/${chatbotId.toUpperCase()}`)).status).toBe(200);
  });
});

describe('GET /chatbots/{chatbot_id}/sources', () => {
  defineTests(LIST_SOURCES);

  it('lists sources, newest first', async () => {
    const gateway = await openGateway();
    const id = await createChatbot(gateway, { sources: ['We open at nine.', 'We close at five.'] });
    const body = await (await gateway.send(`/v1/chatbots/${id}/sources`)).text();
    const [newest, oldest] = (JSON.parse(body) as { id: string }[]).map((source) => source.id);
    const rest = `"url":"","status":"done","page_count":1,"created_at":"${NOW}"`;
    expect(body).toBe(
      `[{"id":"${newest}","type":"text","title":"Source 2",${rest}},{"id":"${oldest}","type":"text","title":"Source 1",${rest}}]`,
    );
  });
});

describe('POST /chatbots/{chatbot_id}/chat', () => defineTests(CHAT));

describe('any other path', () => defineTests(OTHER_PATHS));
