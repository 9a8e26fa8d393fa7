import { hash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CHAT_DOCUMENTS } from '../../../src/operations/documents.ts';
import * as pageDocuments from '../../../src/web/chat/documents.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { openRawSocket } from '../../helpers/raw-sockets.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import { createPersistedOnlyKey, idOf, push } from '../../operations/support.ts';
import { mutate } from '../../schema/support.ts';

const NEWER = 'application/graphql-response+json';
const KIND = 'query Kind { viewer { kind } }';
const KIND_RESULT = { data: { viewer: { kind: 'API_KEY' } } };
const COUNT = 'query Count($first: Int = 5) { chatbots(first: $first) { totalCount } }';

interface Options {
  readonly key?: string;
  readonly accept?: string;
}

/** Posts a body, and returns the status and the result. */
async function post(gateway: TestGateway, body: object, { key = gateway.key, accept = NEWER }: Options = {}) {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('{') ? JSON.parse(text) : {},
  };
}

const codeOf = ({ status, body }: { status: number; body: { errors?: { extensions: { code: string } }[] } }) => [
  status,
  body.errors?.[0]?.extensions.code,
];

const persisted = (sha256Hash: string, version = 1) => ({ extensions: { persistedQuery: { version, sha256Hash } } });

describe('the id of a document', () => {
  it('runs it over every transport', async () => {
    const gateway = await openSharedGateway();
    await push(gateway, [{ documentId: 'kind', document: KIND }, COUNT]);
    const authorization = { 'x-api-key': gateway.key };
    for (const documentId of ['kind', idOf(KIND), hash('sha256', KIND)]) {
      expect(await post(gateway, { documentId })).toMatchObject({ status: 200, body: KIND_RESULT });
      const got = await gateway.fetch(`/graphql?documentId=${documentId}`, { headers: authorization });
      expect(await got.json()).toEqual(KIND_RESULT);
      const { text } = await post(gateway, { documentId }, { accept: 'text/event-stream' });
      expect(text).toContain(`data: ${JSON.stringify(KIND_RESULT)}`);
    }
    const variables = { first: 1 };
    expect((await post(gateway, { documentId: idOf(COUNT), variables })).body.data.chatbots).toEqual({ totalCount: 0 });
    const apollo = new URLSearchParams({ extensions: JSON.stringify(persisted(hash('sha256', KIND)).extensions) });
    expect(await (await gateway.fetch(`/graphql?${apollo}`, { headers: authorization })).json()).toEqual(KIND_RESULT);
  });

  it('is accepted in the payload of a socket and in its extensions, also without an empty `query`', async () => {
    const gateway = await openSharedGateway();
    await push(gateway, [{ documentId: 'kind', document: KIND }]);
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': gateway.key });
    const payloads = [
      { documentId: 'kind' },
      { query: '', documentId: 'kind' },
      { query: '', extensions: { documentId: 'kind' } },
      { ...persisted(hash('sha256', KIND)), variables: { query: 'x' } },
    ];
    for (const [index, payload] of payloads.entries()) {
      socket.send({ id: `${index}`, type: 'subscribe', payload });
      expect(await socket.waitForFrame(({ id }) => id === `${index}`)).toMatchObject({
        type: 'next',
        payload: KIND_RESULT,
      });
    }
    socket.send({ id: 'unknown', type: 'subscribe', payload: { documentId: 'unknown' } });
    expect(await socket.waitForFrame(({ id }) => id === 'unknown')).toMatchObject({
      type: 'error',
      payload: [{ message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }],
    });
    expect(await socket.execute(KIND)).toEqual(KIND_RESULT);
  });

  it('starts a subscription over SSE, and in the single connection mode', async () => {
    const gateway = await openSharedGateway();
    const { replyId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello?' });
    const document = 'subscription Reply($id: ID!) { messageStream(messageId: $id) { __typename } }';
    await push(gateway, [document]);
    const request = { documentId: idOf(document), variables: { id: replyId } };
    expect((await post(gateway, request, { accept: 'text/event-stream' })).text).toContain('MessageCompleted');

    const headers = { 'x-api-key': gateway.key };
    const token = await (await gateway.fetch('/graphql', { method: 'PUT', headers })).text();
    const tokenHeaders = { ...headers, 'x-graphql-event-stream-token': token, 'content-type': 'application/json' };
    const stream = await gateway.fetch('/graphql', { headers: tokenHeaders });
    onTestFinished(async () => void (await stream.body?.cancel().catch(() => {})));
    const body = JSON.stringify({ ...request, extensions: { operationId: 'one' } });
    expect((await gateway.fetch('/graphql', { method: 'POST', headers: tokenHeaders, body })).status).toBe(202);
    let text = '';
    for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.includes('event: complete')) break;
    }
    expect(text).toContain('MessageCompleted');
  });

  it('is refused with a reason if it is malformed, unknown, of another account, or sent without a key', async () => {
    const gateway = await openSharedGateway();
    const other = await gateway.createTenant();
    await push(gateway, [{ documentId: 'kind', document: KIND }]);
    const ask = async (body: object, options?: Options) => codeOf(await post(gateway, body, options));
    expect(await ask({ documentId: 'kind' }, other)).toEqual([422, 'PERSISTED_QUERY_NOT_FOUND']);
    for (const documentId of ['unknown', 'sha256:', ' ', `${'x'.repeat(129)}`, "'; drop table operations; --", 'a\0']) {
      expect(await ask({ documentId })).toEqual([422, 'PERSISTED_QUERY_NOT_FOUND']);
    }
    expect(await ask({ documentId: 7 })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask({ extensions: { documentId: {} } })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask({ documentId: 'kind', query: KIND })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask({ variables: {} })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask({ documentId: 'kind' }, { accept: 'application/json', ...other })).toEqual([
      200,
      'PERSISTED_QUERY_NOT_FOUND',
    ]);
    const anonymous = await gateway.fetch('/graphql?documentId=kind');
    expect(anonymous.status).toBe(401);
  });

  it('of a mutation is refused in a GET', async () => {
    const gateway = await openSharedGateway();
    const document = 'mutation Type { setTyping(input: { conversationId: "1", isTyping: true }) { __typename } }';
    await push(gateway, [document]);
    const response = await gateway.fetch(`/graphql?documentId=${idOf(document)}`, {
      headers: { 'x-api-key': gateway.key },
    });
    expect(response.status).toBe(405);
  });
});

describe("Apollo's persisted queries", () => {
  it('are registered with the document, for the account, and then run by the hash alone', async () => {
    const gateway = await openSharedGateway();
    const other = await gateway.createTenant();
    const query = 'query Mine { viewer { kind } }';
    const byHash = persisted(hash('sha256', query));
    const unknown = await post(gateway, byHash);
    expect(unknown.body.errors).toEqual([
      { message: 'PersistedQueryNotFound', extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ]);
    expect(unknown.headers.get('cache-control')).toBe('private, no-cache, must-revalidate');
    expect((await post(gateway, { query, ...byHash })).body).toEqual(KIND_RESULT);
    expect((await post(gateway, byHash)).body).toEqual(KIND_RESULT);
    expect((await post(gateway, { documentId: idOf(query) })).body).toEqual(KIND_RESULT);
    expect(codeOf(await post(gateway, byHash, other))).toEqual([422, 'PERSISTED_QUERY_NOT_FOUND']);
  });

  it('are not registered if the document is invalid or has another hash', async () => {
    const gateway = await openSharedGateway();
    const invalid = '{ nonsense }';
    const byHash = persisted(hash('sha256', invalid));
    expect(codeOf(await post(gateway, { query: invalid, ...byHash }))).toEqual([422, 'GRAPHQL_VALIDATION_FAILED']);
    expect(codeOf(await post(gateway, byHash))).toEqual([422, 'PERSISTED_QUERY_NOT_FOUND']);
    const wrong = await post(gateway, { query: KIND, ...byHash });
    expect([wrong.status, wrong.body.errors[0].message]).toEqual([422, 'provided sha does not match query']);
  });

  it('refuse what is not their protocol', async () => {
    const gateway = await openSharedGateway();
    const ask = async (persistedQuery: unknown) => codeOf(await post(gateway, { extensions: { persistedQuery } }));
    const sha256Hash = hash('sha256', KIND);
    expect(await ask({ version: 2, sha256Hash })).toEqual([422, 'PERSISTED_QUERY_NOT_SUPPORTED']);
    expect(await ask({ version: 1 })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask({ version: 1, sha256Hash: 'x'.repeat(1_000) })).toEqual([422, 'BAD_USER_INPUT']);
    expect(await ask('text')).toEqual([422, 'BAD_USER_INPUT']);
  });

  it('of one account are limited, and forget those used least recently', async () => {
    const gateway = await openSharedGateway();
    const queryOf = (number: number) => `# ${'x'.repeat(20_000)}\nquery Q${number} { viewer { kind } }`;
    const register = async (number: number) => {
      const query = queryOf(number);
      expect((await post(gateway, { query, ...persisted(hash('sha256', query)) })).status).toBe(200);
    };
    for (let number = 0; number < 30; number++) await register(number);
    expect(codeOf(await post(gateway, persisted(hash('sha256', queryOf(0)))))).toEqual([
      422,
      'PERSISTED_QUERY_NOT_FOUND',
    ]);
    expect((await post(gateway, persisted(hash('sha256', queryOf(29))))).status).toBe(200);
  });
});

describe('a key that may run only the documents of manifests', () => {
  it('runs them by their ids and by their texts, and nothing else', async () => {
    const gateway = await openSharedGateway();
    await push(gateway, [{ documentId: 'kind', document: KIND }]);
    const { key } = await createPersistedOnlyKey(gateway);
    const [leadForm] = CHAT_DOCUMENTS.filter(({ name }) => name === 'LeadForm');
    const bodies = [{ documentId: 'kind' }, { query: KIND }, { query: KIND, ...persisted(hash('sha256', KIND)) }];
    for (const body of bodies) expect((await post(gateway, body, { key })).body).toEqual(KIND_RESULT);
    const variables = { chatbotId: '1' };
    const builtIn = await post(gateway, { documentId: `sha256:${leadForm?.hash}`, variables }, { key });
    expect(builtIn.body).toEqual({ data: { chatbot: null } });

    const registered = { query: COUNT, ...persisted(hash('sha256', COUNT)) };
    expect((await post(gateway, registered)).status).toBe(200);
    const refused = [
      registered,
      persisted(hash('sha256', COUNT)),
      { query: COUNT },
      { query: '{ __typename }' },
      { query: '{ nonsense' },
      { query: `${KIND} ` },
      { documentId: 'unknown' },
      { query: `${KIND} query Other { viewer { id } }`, operationName: 'Other' },
    ];
    for (const body of refused) {
      for (const accept of [NEWER, 'application/json']) {
        expect(codeOf(await post(gateway, body, { key, accept }))).toEqual([403, 'OPERATION_NOT_ALLOWED']);
      }
    }
    expect((await gateway.fetch('/v1/chatbots', { headers: { 'x-api-key': key } })).status).toBe(200);
  });

  it('is limited and freed at once, also on a socket that is open', async () => {
    const gateway = await openSharedGateway();
    await push(gateway, [{ documentId: 'kind', document: KIND }]);
    const { id, key } = await createPersistedOnlyKey(gateway);
    const socket = openRawSocket(gateway);
    await socket.init({ 'x-api-key': key });
    const refusal = [{ message: expect.any(String), extensions: { code: 'OPERATION_NOT_ALLOWED' } }];
    expect(await socket.execute(COUNT)).toEqual({ errors: refusal });
    await mutate(gateway, 'updateApiKey', { id, persistedOnly: false });
    expect(await socket.execute(COUNT)).toEqual({ data: { chatbots: { totalCount: 0 } } });
    await mutate(gateway, 'updateApiKey', { id, persistedOnly: true });
    expect(await socket.execute(COUNT)).toEqual({ errors: refusal });
    expect(await socket.execute(KIND)).toEqual(KIND_RESULT);
  });
});

it('a key that may run only the documents of manifests makes no key that may do more', async () => {
  const gateway = await openSharedGateway();
  const create = `mutation ($name: String!, $persistedOnly: Boolean) {
    createApiKey(input: { name: $name, persistedOnly: $persistedOnly }) {
      ... on CreateApiKeyPayload { apiKey { persistedOnly } } ... on InvalidInputError { fields { path } }
    }
  }`;
  const update = `mutation ($id: ID!) {
    updateApiKey(input: { id: $id, persistedOnly: false }) { ... on InvalidInputError { fields { path } } }
  }`;
  await push(gateway, [create, update]);
  const { id, key } = await createPersistedOnlyKey(gateway);
  const run = async (query: string, variables: object) =>
    (await post(gateway, { query, variables }, { key })).body.data;
  const refusal = { fields: [{ path: ['persistedOnly'] }] };
  expect(await run(create, { name: 'Free', persistedOnly: false })).toEqual({ createApiKey: refusal });
  expect(await run(create, { name: 'Same' })).toEqual({ createApiKey: { apiKey: { persistedOnly: true } } });
  expect(await run(update, { id })).toEqual({ updateApiKey: refusal });
});

it('the built-in manifest has the documents of the chat page, as it sends them', () => {
  const texts = Object.entries(pageDocuments)
    .filter(([name]) => name.endsWith('Document'))
    .map(([, document]) => String(document));
  expect(texts.length).toBeGreaterThan(10);
  expect(CHAT_DOCUMENTS.map(({ document }) => document)).toEqual(texts);
  for (const { hash: digest, document } of CHAT_DOCUMENTS) expect(digest).toBe(hash('sha256', document));
});
