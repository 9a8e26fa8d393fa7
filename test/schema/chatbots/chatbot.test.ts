import { describe, expect, it } from 'vitest';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, openGateway, textOfLength } from '../support.ts';

const FIELDS =
  'id name slug provider model instructions fallbackMessage handoffMessage isActive metadata createdAt updatedAt';
const CHATBOT = `query ($id: ID, $slug: String) { chatbot(id: $id, slug: $slug) { ${FIELDS} } }`;

interface ChatbotPayload {
  readonly chatbot: Record<string, unknown> & { id: string };
}

const create = (gateway: TestGateway, input: object) =>
  mutate<ChatbotPayload>(gateway, 'createChatbot', input, { selection: `chatbot { ${FIELDS} }` });
const update = (gateway: TestGateway, input: object) =>
  mutate<ChatbotPayload>(gateway, 'updateChatbot', input, { selection: `chatbot { ${FIELDS} }` });

/** An id that no chatbot has. */
const UNKNOWN_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43';

const BAD_FIELDS: readonly (readonly [path: string, value: unknown])[] = [
  ['name', ' '],
  ['name', textOfLength(256)],
  ['name', 'a\0'],
  ['slug', ''],
  ['slug', 'Upper'],
  ['slug', '-a'],
  ['slug', 'a-'],
  ['slug', 'a b'],
  ['slug', textOfLength(65)],
  ['slug', 'a\n'],
  ['slug', UNKNOWN_ID],
  ['provider', 'nobody'],
  ['provider', '__proto__'],
  ['model', ''],
  ['instructions', textOfLength(32_001)],
  ['fallbackMessage', ''],
  ['fallbackMessage', textOfLength(2_001)],
  ['handoffMessage', ''],
  ['metadata', []],
  ['metadata', 'text'],
  ['metadata', { a: textOfLength(16_384) }],
];

describe('createChatbot', () => {
  it('creates a chatbot from a name, with defaults for the other fields', async () => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: '  Café Ünïcorn! ' });
    expect(chatbot).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'Café Ünïcorn!',
      slug: 'cafe-unicorn',
      provider: 'builtin',
      model: null,
      instructions: '',
      fallbackMessage: 'I could not find an answer to that in my sources.',
      handoffMessage: 'A person has taken over this conversation and will reply here.',
      isActive: true,
      metadata: {},
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: chatbot.createdAt,
    });
    expect((await gateway.graphql(CHATBOT, { id: chatbot.id })).data).toEqual({ chatbot });
  });

  it('stores every field of its input', async () => {
    const gateway = await openGateway();
    const input = {
      name: 'A',
      slug: 'my-slug',
      provider: 'builtin',
      model: 'm',
      instructions: 'Be kind.',
      fallbackMessage: 'No.',
      handoffMessage: 'Wait.',
      metadata: { a: [1, { b: null }], constructor: 'c', ['__proto__']: { d: 1 } },
    };
    expect(await create(gateway, input)).toMatchObject({ chatbot: input });
  });

  it.each([
    { name: '!', slugs: ['chatbot', 'chatbot-2', 'chatbot-3'] },
    { name: '客服', slugs: ['chatbot', 'chatbot-2', 'chatbot-3'] },
    { name: ' Ça va? ', slugs: ['ca-va', 'ca-va-2', 'ca-va-3'] },
    { name: textOfLength(255), slugs: [textOfLength(56), `${textOfLength(56)}-2`, `${textOfLength(56)}-3`] },
    { name: `${textOfLength(55)} y`, slugs: [textOfLength(55), `${textOfLength(55)}-2`, `${textOfLength(55)}-3`] },
    { name: UNKNOWN_ID, slugs: [`${UNKNOWN_ID}-2`, `${UNKNOWN_ID}-3`, `${UNKNOWN_ID}-4`] },
  ])('generates the slug $slugs.0 for a name', async ({ name, slugs }) => {
    const gateway = await openGateway();
    const createdSlugs = [];
    for (const _ of slugs) createdSlugs.push((await create(gateway, { name })).chatbot.slug);
    expect(createdSlugs).toEqual(slugs);
  });

  it('rejects a slug that is taken in its account, but not one of another account', async () => {
    const gateway = await openGateway();
    await create(gateway, { name: 'A', slug: 'taken' });
    expect(await create(gateway, { name: 'B', slug: 'taken' })).toMatchObject({
      __typename: 'InvalidInputError',
      fields: [{ path: ['slug'], message: 'Another chatbot has this slug.' }],
    });
    const { key } = await gateway.createTenant();
    expect(await mutate(gateway, 'createChatbot', { name: 'C', slug: 'taken' }, { key })).toEqual({
      __typename: 'CreateChatbotPayload',
    });
  });

  it.each(BAD_FIELDS)('rejects a %s of %.40j, and creates nothing', async (path, value) => {
    const gateway = await openGateway();
    expect(await create(gateway, { name: 'A', [path]: value })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: [path] }],
    });
    expect((await gateway.graphql('{chatbots{nodes{id}}}')).data).toEqual({ chatbots: { nodes: [] } });
  });

  it('reports every invalid field', async () => {
    const gateway = await openGateway();
    const answer = await create(gateway, { name: '', slug: '-', metadata: 1 });
    expect(answer).toMatchObject({ fields: [{ path: ['name'] }, { path: ['slug'] }, { path: ['metadata'] }] });
  });
});

describe('updateChatbot', () => {
  it('changes the given fields, and keeps absent ones', async () => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A', model: 'm', instructions: 'Be kind.', metadata: { a: 1 } });
    const input = { id: chatbot.id, name: 'B', metadata: { b: 2 }, isActive: false };
    const updated = (await update(gateway, input)).chatbot;
    expect(updated).toEqual({
      ...chatbot,
      name: 'B',
      metadata: { b: 2 },
      isActive: false,
      updatedAt: expect.any(String),
    });
    expect((await gateway.graphql(CHATBOT, { id: chatbot.id })).data).toEqual({ chatbot: updated });
  });

  it('resets a null field to the value that it has in a new chatbot', async () => {
    const gateway = await openGateway({ env: { OPENAI_API_KEY: 'sk-test' } });
    const { chatbot } = await create(gateway, { name: 'A' });
    const changes = {
      provider: 'openai',
      model: 'm',
      instructions: 'Be kind.',
      fallbackMessage: 'No idea.',
      handoffMessage: 'Wait.',
      leadForm: { title: 'You', fields: [{ name: 'email', label: 'Email' }] },
      metadata: { a: 1 },
    };
    const given = (await update(gateway, { id: chatbot.id, ...changes })).chatbot;
    expect(given).toMatchObject({ provider: 'openai', model: 'm', metadata: { a: 1 } });
    const { model: _, ...others } = Object.fromEntries(Object.keys(changes).map((field) => [field, null]));
    expect((await update(gateway, { id: chatbot.id, model: null })).chatbot).toMatchObject({
      ...given,
      model: null,
      updatedAt: expect.any(String),
    });
    expect((await update(gateway, { id: chatbot.id, ...others })).chatbot).toEqual({
      ...chatbot,
      updatedAt: expect.any(String),
    });
  });

  it.each(['name', 'slug', 'isActive'])('rejects a null %s, which a chatbot cannot be without', async (field) => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A' });
    expect(await update(gateway, { id: chatbot.id, instructions: 'Be kind.', [field]: null })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: [field], message: 'Must not be null.' }],
    });
    expect((await gateway.graphql(CHATBOT, { id: chatbot.id })).data).toEqual({ chatbot });
  });

  it('keeps fields whose variables are absent', async () => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A', instructions: 'Be kind.', model: 'm' });
    const document = `mutation ($id: ID!, $name: String, $instructions: String) {
      updateChatbot(input: { id: $id, name: $name, instructions: $instructions }) {
        ... on UpdateChatbotPayload { chatbot { name instructions model } }
      }
    }`;
    const { data } = await gateway.graphql(document, { id: chatbot.id, instructions: null });
    expect(data).toEqual({ updateChatbot: { chatbot: { name: 'A', instructions: '', model: 'm' } } });
  });

  it('accepts its own slug, and rejects that of another chatbot', async () => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A', slug: 'mine' });
    await create(gateway, { name: 'B', slug: 'taken' });
    expect(await update(gateway, { id: chatbot.id, slug: 'mine' })).toMatchObject({ chatbot: { slug: 'mine' } });
    expect(await update(gateway, { id: chatbot.id, slug: 'taken' })).toMatchObject({ fields: [{ path: ['slug'] }] });
  });

  it.each(BAD_FIELDS)('rejects a %s of %.40j, and changes nothing', async (path, value) => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A' });
    expect(await update(gateway, { id: chatbot.id, isActive: false, [path]: value })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: [path] }],
    });
    expect((await gateway.graphql(CHATBOT, { id: chatbot.id })).data).toEqual({ chatbot });
  });
});

describe('deleteChatbot', () => {
  it('deletes everything that belongs to the chatbot, and nothing else', async () => {
    const gateway = await openGateway();
    const [id, otherId] = [
      await createChatbot(gateway, { sources: ['Towers are tall.'] }),
      await createChatbot(gateway),
    ];
    const keptIds = await send(gateway, { chatbotId: otherId, content: 'Hello' });
    const deletedIds = await send(gateway, { chatbotId: id, content: 'Are towers tall?' });
    for (const { replyId } of [keptIds, deletedIds]) await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    expect(await mutate(gateway, 'deleteChatbot', { id }, { selection: 'deletedId' })).toMatchObject({ deletedId: id });

    const ids = [id, deletedIds.conversationId, deletedIds.messageId, deletedIds.replyId];
    const { data } = await gateway.graphql('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids });
    expect(data).toEqual({ nodes: [null, null, null, null] });
    const { read } = gateway.deps.db;
    for (const table of ['sources', 'passages'] as const) {
      expect(await read.selectFrom(table).select('id').execute()).toEqual([]);
    }
    expect(await read.selectFrom('messages').select('id').execute()).toHaveLength(2);
    expect(await mutate(gateway, 'deleteChatbot', { id })).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('chatbot', () => {
  it('is found by its id in upper or lower case, and by its slug', async () => {
    const gateway = await openGateway();
    const { chatbot } = await create(gateway, { name: 'A', slug: 'a' });
    expect((await gateway.graphql(CHATBOT, { id: chatbot.id.toUpperCase() })).data).toEqual({ chatbot });
    expect((await gateway.graphql(CHATBOT, { slug: 'a' })).data).toEqual({ chatbot });
    expect((await gateway.graphql(CHATBOT, { slug: 'b\0' })).data).toEqual({ chatbot: null });
  });

  it.each([{}, { id: null, slug: null }, { id: 'a', slug: 'a' }])(
    'requires either an id or a slug, not %j',
    async (variables) => {
      const gateway = await openGateway();
      const answer = await gateway.graphql(CHATBOT, variables);
      expect([errorCodesOf(answer), answer.data]).toEqual([['BAD_USER_INPUT'], { chatbot: null }]);
    },
  );

  it('is null for other accounts by its slug, and not in their list', async () => {
    const gateway = await openGateway();
    await create(gateway, { name: 'A', slug: 'a' });
    const { key } = await gateway.createTenant();
    expect((await gateway.graphql(CHATBOT, { slug: 'a' }, key)).data).toEqual({ chatbot: null });
    expect((await gateway.graphql('{chatbots{nodes{id}}}', {}, key)).data).toEqual({ chatbots: { nodes: [] } });
  });
});
