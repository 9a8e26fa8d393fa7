import { describe, expect, it } from 'vitest';
import type { Scope } from '../../../src/domain/entities.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { engineOf, NOW, openGateway, type RestGateway, type RestGatewayOptions, UNKNOWN_ID } from './support.ts';

/** A request, and its exact response. `:id` stands for the id of the chatbot. */
interface Row extends RestGatewayOptions {
  readonly title: string;
  readonly given?: (gateway: RestGateway) => Promise<unknown>;
  /** Creates the `Authorization` header; by default it has the key of the first account. */
  readonly as?: (gateway: RestGateway) => Promise<string>;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly send?: string | Uint8Array<ArrayBuffer>;
  readonly status: number;
  readonly body: string;
  readonly answerHeaders?: Record<string, string>;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const CHAT = { method: 'POST', path: '/chatbots/:id/chat', headers: JSON_TYPE, send: '{"message":"Hello"}' };

const UNAUTHORIZED = { status: 401, body: '{"detail":"Unauthorized"}' };
const FORBIDDEN = { status: 403, body: '{"detail":"This credential may not do that."}' };
const NOT_FOUND = { status: 404, body: '{"detail":"Not Found"}' };
const NOT_ALLOWED = { status: 405, body: '{"detail":"Method not allowed"}' };
const BAD_LIMIT = { status: 400, body: '{"detail":"limit: Must be a whole number from 1 to 100."}' };
const BAD_CURSOR = { status: 400, body: '{"detail":"A cursor is not one of this list."}' };
const UNREADABLE = { status: 400, body: '{"detail":"Cannot parse request body"}' };
const GET_ONLY = { ...NOT_ALLOWED, answerHeaders: { Allow: 'GET, HEAD' } };

const keyFor =
  (...scopes: Scope[]) =>
  async ({ accountId, createKey }: RestGateway) =>
    `Bearer ${await createKey(accountId, scopes)}`;
const strangerKey = async ({ createTenant }: RestGateway) => `Bearer ${(await createTenant()).key}`;
const pause = ({ graphql, chatbotId }: RestGateway) =>
  graphql('mutation ($id: ID!) { updateChatbot(input: { id: $id, isActive: false }) { __typename } }', {
    id: chatbotId,
  });

/** Responses that every endpoint gives. */
function commonRows(request: Pick<Row, 'method' | 'path' | 'headers' | 'send'>, scope: Scope): Row[] {
  const wrongScope = scope === 'READ' ? 'CHAT' : 'READ';
  return [
    { title: 'no key', ...request, as: async () => '', ...UNAUTHORIZED },
    { title: 'an invalid key', ...request, as: async () => 'Bearer ic_nonsense', ...UNAUTHORIZED },
    { title: 'a key without the scope', ...request, as: keyFor(wrongScope), ...FORBIDDEN },
  ];
}

/** Further responses that every endpoint of a chatbot gives. */
function chatbotRows(request: Pick<Row, 'method' | 'path' | 'headers' | 'send'>): Row[] {
  const withId = (id: string) => ({ ...request, path: request.path.replace(':id', id) });
  return [
    { title: 'a chatbot that is not there', ...withId(UNKNOWN_ID), ...NOT_FOUND },
    { title: 'an invalid id', ...withId('42'), ...NOT_FOUND },
    { title: 'a chatbot of another account', ...request, as: strangerKey, ...NOT_FOUND },
  ];
}

const LISTED = `{"id":":id","name":"Support","slug":"support","provider":"builtin","is_active":true,"created_at":"${NOW}"}`;

const LIST_CHATBOTS: Row[] = [
  { title: 'a list of one', path: '/chatbots', status: 200, body: `[${LISTED}]` },
  {
    title: 'a paused chatbot',
    given: pause,
    path: '/chatbots',
    status: 200,
    body: `[${LISTED.replace('true', 'false')}]`,
  },
  { title: 'an account without chatbots', as: strangerKey, path: '/chatbots', status: 200, body: '[]' },
  { title: 'a key of lower scopes', as: keyFor('READ'), path: '/chatbots', status: 200, body: `[${LISTED}]` },
  {
    title: 'a key with another scheme',
    as: async ({ key }) => `bEARER ${key}`,
    path: '/chatbots',
    status: 200,
    body: `[${LISTED}]`,
  },
  { title: 'a parameter that is unknown', path: '/chatbots?color=red', status: 200, body: `[${LISTED}]` },
  { title: 'a limit of nothing', path: '/chatbots?limit=0', ...BAD_LIMIT },
  { title: 'a limit too high', path: '/chatbots?limit=101', ...BAD_LIMIT },
  { title: 'a limit of words', path: '/chatbots?limit=ten', ...BAD_LIMIT },
  { title: 'an empty limit', path: '/chatbots?limit=', ...BAD_LIMIT },
  { title: 'an invalid cursor', path: '/chatbots?after=garbage', ...BAD_CURSOR },
  { title: 'an empty place', path: '/chatbots?after=', ...BAD_CURSOR },
  { title: 'another method', method: 'POST', path: '/chatbots', ...GET_ONLY },
  ...commonRows({ path: '/chatbots' }, 'READ'),
];

const GET_CHATBOT: Row[] = [
  {
    title: 'a chatbot',
    path: '/chatbots/:id',
    status: 200,
    body: `{"id":":id","name":"Support","slug":"support","provider":"builtin","system_prompt":"","fallback_message":"I could not find an answer to that in my sources.","is_active":true,"created_at":"${NOW}"}`,
  },
  { title: 'another method', method: 'DELETE', path: '/chatbots/:id', ...GET_ONLY },
  ...commonRows({ path: '/chatbots/:id' }, 'READ'),
  ...chatbotRows({ path: '/chatbots/:id' }),
];

const LIST_SOURCES: Row[] = [
  { title: 'no sources', path: '/chatbots/:id/sources', status: 200, body: '[]' },
  { title: 'a limit of nothing', path: '/chatbots/:id/sources?limit=0', ...BAD_LIMIT },
  { title: 'an invalid cursor', path: '/chatbots/:id/sources?after=garbage', ...BAD_CURSOR },
  { title: 'another method', method: 'PATCH', path: '/chatbots/:id/sources', ...GET_ONLY },
  ...commonRows({ path: '/chatbots/:id/sources' }, 'READ'),
  ...chatbotRows({ path: '/chatbots/:id/sources' }),
];

const CHAT_ROWS: Row[] = [
  { title: 'a message', ...CHAT, status: 200, body: '{"response":"It is so."}' },
  { title: 'a key that may only chat', ...CHAT, as: keyFor('CHAT'), status: 200, body: '{"response":"It is so."}' },
  {
    title: 'unknown fields',
    ...CHAT,
    send: '{"message":"Hello","session_id":"s","stream":true}',
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'a session that is null',
    ...CHAT,
    send: '{"message":"Hello","session_id":null}',
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'a type with parameters',
    ...CHAT,
    headers: { 'Content-Type': 'Application/JSON; charset=utf-8' },
    status: 200,
    body: '{"response":"It is so."}',
  },
  {
    title: 'an interrupted answer',
    ...CHAT,
    engine: engineOf('It is', new Error('gone')),
    status: 200,
    body: '{"response":"It is"}',
  },
  { title: 'no body', ...CHAT, headers: {}, send: '', ...UNREADABLE },
  { title: 'bad syntax', ...CHAT, send: '{"message":', ...UNREADABLE },
  {
    title: 'invalid UTF-8',
    ...CHAT,
    send: Uint8Array.of(...Buffer.from('{"message":"'), 0xff, 0x22, 0x7d),
    ...UNREADABLE,
  },
  { title: 'a list', ...CHAT, send: '[]', status: 400, body: '{"detail":"Must be an object."}' },
  { title: 'no message', ...CHAT, send: '{}', status: 400, body: '{"detail":"message: Is required."}' },
  {
    title: 'a message of null',
    ...CHAT,
    send: '{"message":null}',
    status: 400,
    body: '{"detail":"message: Must be a string."}',
  },
  {
    title: 'a blank message',
    ...CHAT,
    send: '{"message":"  "}',
    status: 400,
    body: '{"detail":"message: Must not be empty."}',
  },
  {
    title: 'a message that is too long',
    ...CHAT,
    send: JSON.stringify({ message: 'a'.repeat(8_001) }),
    status: 400,
    body: '{"detail":"message: Must have at most 8000 characters."}',
  },
  {
    title: 'a session of the wrong type',
    ...CHAT,
    send: '{"message":"Hello","session_id":7}',
    status: 400,
    body: '{"detail":"session_id: Must be a string."}',
  },
  {
    title: 'a session id that is too long',
    ...CHAT,
    send: JSON.stringify({ message: 'Hello', session_id: 'a'.repeat(256) }),
    status: 400,
    body: '{"detail":"session_id: Must have at most 255 characters."}',
  },
  {
    title: 'an invalid body for an unknown chatbot',
    ...CHAT,
    path: `/chatbots/${UNKNOWN_ID}/chat`,
    send: '{}',
    status: 400,
    body: '{"detail":"message: Is required."}',
  },
  { title: 'a paused chatbot', ...CHAT, given: pause, status: 400, body: '{"detail":"Chatbot is not active."}' },
  {
    title: 'another method',
    method: 'GET',
    path: '/chatbots/:id/chat',
    ...NOT_ALLOWED,
    answerHeaders: { Allow: 'POST' },
  },
  {
    title: 'a body that is too large',
    ...CHAT,
    send: JSON.stringify({ message: 'a'.repeat(262_144) }),
    status: 413,
    body: '{"detail":"Request body is too large. At most 256 kB are accepted."}',
  },
  {
    title: 'a form',
    ...CHAT,
    headers: { 'Content-Type': 'text/plain' },
    status: 415,
    body: '{"detail":"Request body must be application/json."}',
  },
  {
    title: 'an exhausted quota',
    ...CHAT,
    env: { MONTHLY_MESSAGE_LIMIT: '1' },
    given: ({ chat }) => chat({ message: 'The only one' }),
    status: 429,
    body: '{"detail":"Monthly message limit reached."}',
  },
  {
    title: 'a model that fails',
    ...CHAT,
    engine: engineOf(new Error('secret reason')),
    status: 502,
    body: '{"detail":"The answer could not be produced."}',
  },
  ...commonRows(CHAT, 'CHAT'),
  ...chatbotRows(CHAT),
];

const OTHER_PATHS: Row[] = [
  { title: 'the root', path: '', ...NOT_FOUND },
  { title: 'an unknown path', path: '/chatbots/:id/pages', ...NOT_FOUND },
  { title: 'an unknown path without a key', path: '/pages', as: async () => '', ...UNAUTHORIZED },
];

/** Sends each row to both prefixes, and with a slash at the end. */
function testRows(rows: Row[]): void {
  it.each(rows)('responds to $title with $status', async ({ given, as, method, path, headers, send, ...row }) => {
    const gateway = await openGateway(row);
    await given?.(gateway);
    const Authorization = as === undefined ? `Bearer ${gateway.key}` : await as(gateway);
    const [pathname = '', query = ''] = path.replace(':id', gateway.chatbotId).split(/(?=\?)/);
    for (const address of [`/v1${pathname}`, `/api/v1${pathname}`, `/v1${pathname}/`]) {
      const response = await gateway.fetch(address + query, {
        method: method ?? 'GET',
        headers: { ...headers, ...(Authorization && { Authorization }) },
        body: send ?? null,
      });
      expect(await response.text()).toBe(row.body.replace(':id', gateway.chatbotId));
      expect(response.status).toBe(row.status);
      expect(response.headers.get('Content-Type')).toBe('application/json');
      for (const [name, value] of Object.entries(row.answerHeaders ?? {})) {
        expect(response.headers.get(name)).toBe(value);
      }
    }
  });
}

describe('GET /chatbots', () => {
  testRows(LIST_CHATBOTS);

  it('lists the oldest first', async () => {
    const gateway = await openGateway();
    const second = await createChatbot(gateway, { name: 'Second' });
    const listed = (await (await gateway.send('/v1/chatbots')).json()) as { id: string }[];
    expect(listed.map(({ id }) => id)).toEqual([gateway.chatbotId, second]);
  });
});

describe('GET /chatbots/{chatbot_id}', () => {
  testRows(GET_CHATBOT);

  it('takes an id in upper case', async () => {
    const { send, chatbotId } = await openGateway();
    expect((await send(`/v1/chatbots/${chatbotId.toUpperCase()}`)).status).toBe(200);
  });
});

describe('GET /chatbots/{chatbot_id}/sources', () => {
  testRows(LIST_SOURCES);

  it('lists the newest first', async () => {
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

describe('POST /chatbots/{chatbot_id}/chat', () => testRows(CHAT_ROWS));

describe('any other path', () => testRows(OTHER_PATHS));
