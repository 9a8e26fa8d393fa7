import {
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { allowsSessions, sessionTargetOf } from '../../schema/scopes.ts';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { listSessionFields } from '../../src/http/sessions/session-fields.ts';
import { send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf, openSocket } from '../helpers/sockets.ts';
import { createTransports, TRANSPORTS } from '../helpers/transports.ts';

interface SessionTicket {
  readonly token: string;
  readonly conversationId: string;
}

const LEAD = 'ada@secret.example';
const INSTRUCTIONS = 'Answer questions about ChatGraph from its documentation.';

let gateway: TestGateway;
/** A key that can read everything in the account. */
let ownerKey: string;
let ticket: SessionTicket;
/** The ids of another conversation with the same chatbot. */
let foreign: Awaited<ReturnType<typeof send>>;
let transports: ReturnType<typeof createTransports>;

async function openSession(): Promise<SessionTicket> {
  const { chatSecret } = gateway.deps.keyring.sessions;
  const headers = { authorization: `Bearer ${chatSecret.text}` };
  return (await gateway.fetch('/chat/demo/session', { method: 'POST', headers })).json() as Promise<SessionTicket>;
}

const ask = <T = Record<string, never>>(query: string, variables: object = {}, token = ticket.token) =>
  gateway.graphql<T>(query, variables, token);

beforeAll(async () => {
  gateway = await startGateway({ env: { SEED_DEMO: 'true' } });
  const { account_id } = await gateway.deps.db.read
    .selectFrom('chatbots')
    .select('account_id')
    .where('id', '=', DEMO_CHATBOT_ID)
    .executeTakeFirstOrThrow();
  ownerKey = await gateway.createKey(account_id, ['READ', 'CHAT', 'MANAGE']);
  foreign = await send(gateway, { chatbotId: DEMO_CHATBOT_ID, content: 'A secret question' }, ownerKey);
  await gateway.graphql(
    'mutation ($input: CaptureLeadInput!) { captureLead(input: $input) { __typename } }',
    { input: { conversationId: foreign.conversationId, email: LEAD } },
    ownerKey,
  );
  ticket = await openSession();
  transports = createTransports(gateway);
});
afterAll(() => {
  transports.close();
  return gateway.close();
});

/** Writes a literal for a type; ids refer to another conversation, and roles are that of the visitor. */
function valueFor(type: GraphQLInputType, name: string): string {
  if (isNonNullType(type)) return valueFor(type.ofType, name);
  if (isListType(type)) return `[${valueFor(type.ofType, name)}]`;
  if (isEnumType(type)) return (type.getValue('USER') ?? type.getValues()[0])?.name ?? '';
  if (isInputObjectType(type)) {
    const all = Object.values(type.getFields());
    const fields = type.isOneOf
      ? all.slice(0, 1)
      : all.filter(({ type: fieldType, name: fieldName }) => isNonNullType(fieldType) || /^by$|Id$/.test(fieldName));
    return `{ ${fields.map((field) => `${field.name}: ${valueFor(field.type, field.name)}`).join(', ')} }`;
  }
  if (type.name === 'Int' || type.name === 'Float') return '1';
  if (type.name === 'Boolean') return 'true';
  if (type.name === 'DateTime') return '"2026-01-01T00:00:00Z"';
  if (/^chatbotId$/.test(name)) return `"${DEMO_CHATBOT_ID}"`;
  if (/^messageId$/.test(name)) return `"${foreign.replyId}"`;
  return `"${foreign.conversationId}"`;
}

function operationFor(kind: string, field: GraphQLField<unknown, unknown>): string {
  const args = field.args.filter(({ type, name }) => isNonNullType(type) || /^(id|\w*Id)$/.test(name));
  const argumentList = args.map(({ type, name }) => `${name}: ${valueFor(type, name)}`).join(', ');
  const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
  return `${kind} { ${field.name}${argumentList && `(${argumentList})`} ${selection} }`;
}

const ROOTS = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  Object.values(type?.getFields() ?? {}).map((field) => ({ kind: type?.name.toLowerCase() ?? '', field })),
);

describe('a session', () => {
  it.each(ROOTS.map(({ kind, field }) => [`${kind}.${field.name}`, kind, field] as const))(
    'reads nothing of other conversations with %s, over HTTP or WebSocket',
    async (name, kind, field) => {
      if (['query.viewer', 'mutation.identifyVisitor'].includes(name)) return;
      const query = operationFor(kind, field);
      const socket = openSocket(gateway, { authorization: `Bearer ${ticket.token}` });
      const answers = [await ask(query), await socket.execute(query)];
      socket.close();
      for (const answer of answers) {
        expect(answer.data ?? undefined).toBeUndefined();
        const isListed = sessionTargetOf(field) !== undefined;
        // A session may request these fields, but only for its own conversation: see the next group of tests.
        expect(errorCodesOf(answer)).toEqual([isListed ? 'NOT_FOUND' : 'FORBIDDEN']);
      }
    },
  );

  it('can select no field that the schema does not allow sessions', async () => {
    const node = schema.getType('Node');
    const types = isInterfaceType(node) ? schema.getPossibleTypes(node) : [];
    expect(types.length).toBeGreaterThan(5);
    for (const type of types) {
      for (const field of Object.values(type.getFields())) {
        if (listSessionFields(schema).get(type.name)?.has(field.name)) continue;
        if (field.args.some(({ type: argType }) => isNonNullType(argType))) continue;
        const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
        const query = `{ node(id: "${ticket.conversationId}") { ... on ${type.name} { ${field.name} ${selection} } } }`;
        const codes = errorCodesOf(await ask(query));
        expect([type.name, field.name, ...codes]).toEqual([type.name, field.name, 'FORBIDDEN']);
      }
    }
  });

  it.each(TRANSPORTS)(
    'is FORBIDDEN for a field that no scope makes available, with its path, over %s',
    async (name) => {
      const operations: [query: string, path: string[]][] = [
        ['{ viewer { kind account { id } } }', ['viewer', 'account']],
        ['{ ...F } fragment F on Query { viewer { kind a: account { id } } }', ['viewer', 'a']],
        ['query ($yes: Boolean = true) { viewer { account @include(if: $yes) { id } } }', ['viewer', 'account']],
        [`{ node(id: "${ticket.conversationId}") { ... on Node { id } ... on Lead { email } } }`, ['node', 'email']],
        ['mutation { m: deleteChatbot(input: { id: "1" }) { __typename } }', ['m']],
        ['subscription { accountEvents { cursor } }', ['accountEvents']],
      ];
      for (const [query, path] of operations) {
        if (name === 'http' && query.startsWith('subscription')) continue;
        const { data, errors } = await transports[name]({ query, key: ticket.token });
        const extensions = { code: 'FORBIDDEN', requiredScopes: [], path };
        expect([query, data, errors?.map((error) => error.extensions)]).toEqual([query, undefined, [extensions]]);
      }
    },
  );

  it.each(TRANSPORTS)('may contain fields and operations that are not executed, over %s', async (name) => {
    const { conversationId } = ticket;
    const operations = [
      '{ viewer { kind account @skip(if: true) { id } } }',
      'query ($no: Boolean = false) { viewer { kind ... @include(if: $no) { account { id } } } }',
      'query ($no: Boolean = false) { viewer { kind } chatbots @include(if: $no) { nodes { id } } }',
      `{ viewer { kind } conversation(id: "${foreign.conversationId}") @skip(if: true) { id } }`,
      '{ viewer { kind } ... on Query @skip(if: true) { chatbots { nodes { id } } } }',
    ];
    for (const query of operations) {
      const { data, errors } = await transports[name]({ query, key: ticket.token });
      expect([query, data, errors]).toEqual([query, { viewer: { kind: 'SESSION' } }, undefined]);
    }
    const query = `{ node(id: "${conversationId}") { ... on Message { conversation { ... on Node { id } } } } }`;
    expect((await transports[name]({ query, key: ticket.token })).errors).toBeUndefined();
  });

  it('is checked for the operation that is executed, not for the others of its document', async () => {
    const query = 'query A { viewer { kind } } query B { chatbots { nodes { id } } }';
    const run = async (operationName: string) => {
      const response = await gateway.fetch('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ticket.token}` },
        body: JSON.stringify({ query, operationName }),
      });
      return errorCodesOf(await response.json());
    };
    expect([await run('A'), await run('B')]).toEqual([[], ['FORBIDDEN']]);
  });

  it('gets the same response for ids of other conversations and for unknown ids', async () => {
    const texts = [];
    for (const id of [foreign.conversationId, foreign.replyId, '01900000-0000-7000-8000-00000000ffff', 'x', '']) {
      for (const query of [
        'query ($id: ID!) { node(id: $id) { id } }',
        'query ($id: ID!) { conversation(id: $id) { id } }',
      ]) {
        const { data, errors, status } = await ask(query, { id });
        texts.push(JSON.stringify({ data, errors, status }));
      }
    }
    expect(new Set(texts).size).toBe(1);
  });

  it('is rejected by every REST endpoint with 403', async () => {
    const document = (await (await gateway.fetch('/v1/openapi.json')).json()) as { paths: Record<string, object> };
    const endpoints = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method })),
    );
    expect(endpoints.length).toBeGreaterThan(5);
    for (const { path, method } of endpoints) {
      // These endpoints need no credential.
      if (/\bsessions\b/.test(path)) continue;
      const prefix = path.startsWith('/v1') ? '' : '/v1';
      const url =
        prefix +
        path.replace(/\{(\w+)\}/g, (_all, name) => (name === 'chatbot_id' ? DEMO_CHATBOT_ID : ticket.conversationId));
      const response = await gateway.fetch(url, {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${ticket.token}`, 'content-type': 'application/json' },
        ...(['post', 'patch', 'put'].includes(method) && { body: '{}' }),
      });
      expect([method, path, response.status]).toEqual([method, path, 403]);
      await response.body?.cancel();
    }
  });

  it('names an object of the visitor in every root field with an id', () => {
    const fields = ROOTS.map(({ field }) => field).filter(allowsSessions);
    const withoutTarget = fields.filter((field) => sessionTargetOf(field) === undefined);
    expect(fields.length).toBeGreaterThan(10);
    expect(withoutTarget.filter(({ args }) => args.some(({ type }) => takesId(type)))).toEqual([]);
    for (const field of fields) {
      const { argument, chatbotArgument } = sessionTargetOf(field) ?? {};
      const input = getNamedType(field.args.find(({ name }) => name === 'input')?.type);
      const names = isInputObjectType(input) ? Object.keys(input.getFields()) : field.args.map(({ name }) => name);
      const named = [argument, chatbotArgument].filter((name) => name !== undefined);
      expect([field.name, names]).toEqual([field.name, expect.arrayContaining(named)]);
    }
  });
});

function takesId(type: GraphQLInputType): boolean {
  const named = getNamedType(type);
  return isInputObjectType(named)
    ? Object.values(named.getFields()).some((field) => takesId(field.type))
    : named.name === 'ID';
}

describe('in its own conversation a session', () => {
  const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
    ... on SendMessagePayload { conversation { id channel } userMessage { id } reply { id } }
    ... on Error { code }
  } }`;

  interface Sent {
    readonly sendMessage: {
      readonly code?: string;
      readonly conversation: { id: string; channel: string };
      readonly userMessage: { id: string };
      readonly reply: { id: string };
    };
  }

  it('can send, follow, stop, rate, regenerate, edit, select a branch, escalate and leave a lead', async () => {
    const own = await openSession();
    const { conversationId } = own;
    const input = { conversationId, content: 'How do I follow an answer?' };
    const { data } = await ask<Sent>(SEND, { input }, own.token);
    const { conversation, userMessage, reply } = data.sendMessage;
    expect(conversation).toEqual({ id: conversationId, channel: 'CHAT_PAGE' });
    const socket = openSocket(gateway, { authorization: `Bearer ${own.token}` });
    expect(
      await socket.execute(`subscription { messageStream(messageId: "${reply.id}") { cursor conversationId } }`),
    ).toMatchObject({ data: { messageStream: { conversationId } } });
    socket.close();
    const mutations = [
      `stopMessage(input: { id: "${reply.id}" })`,
      `rateMessage(input: { id: "${reply.id}", rating: UP })`,
      `regenerateMessage(input: { id: "${reply.id}", whenBusy: INTERRUPT })`,
      `editMessage(input: { id: "${userMessage.id}", content: "Again?", whenBusy: INTERRUPT })`,
      `selectBranch(input: { id: "${reply.id}" })`,
      `escalateConversation(input: { id: "${conversationId}" })`,
      `captureLead(input: { conversationId: "${conversationId}", email: "grace@example.com" })`,
      `setTyping(input: { conversationId: "${conversationId}", isTyping: true })`,
    ];
    for (const mutation of mutations) {
      const answer = await ask<Record<string, { __typename: string }>>(
        `mutation { ${mutation} { __typename } }`,
        {},
        own.token,
      );
      expect([
        mutation,
        ...Object.values(answer.data ?? {}).map(({ __typename }) => /(Payload|InvalidInputError)$/.test(__typename)),
      ]).toEqual([mutation, true]);
    }
    const read = await ask<{ conversation: { messages: { nodes: { id: string }[] } }; chatbot: { name: string } }>(
      `{ conversation(id: "${conversationId}") { messages { nodes { id citations { title passage { text } } } } }
        chatbot(id: "${DEMO_CHATBOT_ID}") { name leadForm { title fields { name } } } }`,
      {},
      own.token,
    );
    expect(read.data.conversation.messages.nodes[0]?.id).toBe(userMessage.id);
    expect(read.data.chatbot.name).toBe('ChatGraph guide');
    expect(JSON.stringify(read)).not.toContain(INSTRUCTIONS);
    // Another session has its own conversation, and cannot read this one.
    expect(errorCodesOf(await ask(`{ conversation(id: "${conversationId}") { id } }`))).toEqual(['NOT_FOUND']);
  });

  it('has only one conversation, however often and concurrently it sends', async () => {
    const own = await openSession();
    const input = { conversationId: own.conversationId, content: 'Hello' };
    const sent = await Promise.all([1, 2, 3].map(() => ask<Sent>(SEND, { input }, own.token)));
    for (const { data } of sent) expect(data.sendMessage.conversation?.id).toBe(own.conversationId);
    const other = { chatbotId: DEMO_CHATBOT_ID, sessionId: 'mine', content: 'Hello' };
    expect(errorCodesOf(await ask(SEND, { input: other }, own.token))).toEqual(['NOT_FOUND']);
    // This input also names another conversation, by its chatbot and session id. The message goes to the session's own.
    const ambiguousInput = { ...other, conversationId: own.conversationId };
    const { data } = await ask<Sent>(SEND, { input: ambiguousInput }, own.token);
    expect(data.sendMessage.conversation.id).toBe(own.conversationId);
  });

  it('can read its own kind and scopes, and has no stored API key', async () => {
    const { data } = await ask('{ viewer { kind scopes rateLimit { limit } } }');
    expect(data).toMatchObject({ viewer: { kind: 'SESSION' } });
    const stored = await gateway.deps.db.read.selectFrom('api_keys').selectAll().execute();
    expect(stored.map(({ name }) => name)).not.toContain('Chat page');
  });

  it('stays valid when keys are refreshed, and is unknown to other processes', async () => {
    await gateway.deps.keyring.refresh();
    expect((await ask('{ viewer { kind } }')).status).toBe(200);
    const other = await startGateway();
    expect((await other.graphql('{ viewer { kind } }', {}, ticket.token)).status).toBe(401);
    await other.close();
  });
});
