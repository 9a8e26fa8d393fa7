import { describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { createScriptedEngine, finish } from '../../helpers/models/engines.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, mutation, openGateway, removeDuplicates, textOfLength } from '../support.ts';

const FIELDS = `notice conversation { id sessionId status channel metadata chatbot { id } }
  sent: userMessage { id role status content metadata parent { id } rating error { code } completedAt }
  reply { id role status content citations { quote } finishReason usage { inputTokens } parent { id } metadata completedAt }`;

interface SendResult {
  readonly __typename: string;
  readonly conversation: { id: string; sessionId: string };
  readonly sent: { id: string };
  readonly reply: { id: string };
}

const sendMessage = (gateway: TestGateway, input: object) =>
  mutate<SendResult>(gateway, 'sendMessage', input, { selection: FIELDS });

/** Returns the numbers of stored conversations, stored messages, and replies that count against the quota. */
async function countRows({ deps, accountId }: TestGateway): Promise<number[]> {
  const { read } = deps.db;
  const conversations = await read
    .selectFrom('conversations')
    .select('id')
    .where('account_id', '=', accountId)
    .execute();
  const messages = await read.selectFrom('messages').select('id').where('account_id', '=', accountId).execute();
  const usage = await read.selectFrom('usage').select('messages').where('account_id', '=', accountId).execute();
  return [conversations.length, messages.length, usage.reduce((sum, row) => sum + row.messages, 0)];
}

/** Returns a JSON value nested `depth` levels deep. */
const nestObject = (depth: number): unknown => (depth === 0 ? 1 : { a: nestObject(depth - 1) });

describe('sendMessage', () => {
  it('stores the message, creates the reply, and returns before the reply is generated', async () => {
    const clock = createManualClock();
    const engine = createScriptedEngine();
    const gateway = await openGateway({ overrides: { clock, engines: new Map([['builtin', engine]]) } });
    const chatbotId = await createChatbot(gateway);
    const metadata = { page: '/prices', tags: ['a', null, 1.5] };
    const answer = await sendMessage(gateway, { chatbotId, content: '\n Hello 👋 \t', metadata });
    expect(answer).toEqual({
      __typename: 'SendMessagePayload',
      notice: null,
      conversation: {
        id: expect.any(String),
        sessionId: answer.conversation.id,
        status: 'OPEN',
        channel: 'GRAPHQL',
        metadata,
        chatbot: { id: chatbotId },
      },
      sent: {
        id: expect.any(String),
        role: 'USER',
        status: 'COMPLETED',
        content: 'Hello 👋',
        metadata,
        parent: null,
        rating: null,
        error: null,
        completedAt: '2026-03-15T10:30:00.000Z',
      },
      reply: {
        id: expect.any(String),
        role: 'ASSISTANT',
        status: 'STREAMING',
        content: '',
        citations: [],
        finishReason: null,
        usage: null,
        parent: { id: answer.sent.id },
        metadata: {},
        completedAt: null,
      },
    });
    expect(await countRows(gateway)).toEqual([1, 2, 1]);
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: answer.reply.id }).ended;
  });

  it('continues the conversation that the session id names, but only with the same chatbot', async () => {
    const gateway = await openGateway();
    const [chatbotId, otherChatbotId] = [await createChatbot(gateway), await createChatbot(gateway)];
    const first = await sendMessage(gateway, { chatbotId, sessionId: 'visit', content: 'One', metadata: { a: 1 } });
    const again = await sendMessage(gateway, { chatbotId, sessionId: ' visit ', content: 'Two', metadata: { b: 2 } });
    const elsewhere = await sendMessage(gateway, { chatbotId: otherChatbotId, sessionId: 'visit', content: 'One' });
    expect(first.conversation.sessionId).toBe('visit');
    expect(again).toMatchObject({ conversation: first.conversation, sent: { metadata: { b: 2 } } });
    expect(elsewhere.conversation.id).not.toBe(first.conversation.id);
  });

  it('creates one conversation for concurrent messages with the same new session id', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => sendMessage(gateway, { chatbotId, sessionId: 's', content: `Number ${i}` })),
    );
    expect(new Set(answers.map(({ conversation }) => conversation.id)).size).toBe(1);
    expect((await countRows(gateway)).slice(0, 2)).toEqual([1, 20]);
  });

  it('continues a conversation by its id', async () => {
    const gateway = await openGateway();
    const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'One' });
    const answer = await sendMessage(gateway, { conversationId: conversationId.toUpperCase(), content: 'Two' });
    expect(answer.conversation.id).toBe(conversationId);
    expect((await countRows(gateway)).slice(0, 2)).toEqual([1, 4]);
  });

  it.each([1, 8_000])('accepts %i characters', async (length) => {
    const gateway = await openGateway();
    const input = { chatbotId: await createChatbot(gateway), content: `  ${textOfLength(length)}  ` };
    expect(await sendMessage(gateway, input)).toMatchObject({ sent: { content: textOfLength(length) } });
  });

  it.each<[string, object, string[]]>([
    ['an empty text', { content: '' }, ['content']],
    ['white space', { content: ' \n\t\u3000\u00a0' }, ['content']],
    ['8,001 characters', { content: textOfLength(8_001) }, ['content']],
    ['a NUL', { content: 'a\0b' }, ['content']],
    ['an unpaired high surrogate', { content: 'a\ud83d' }, ['content']],
    ['an unpaired low surrogate', { content: '\udc4ba' }, ['content']],
    ['an empty session id', { sessionId: '' }, ['sessionId']],
    ['a session id of 256 characters', { sessionId: textOfLength(256) }, ['sessionId']],
    ['a session id with a NUL', { sessionId: 'a\0' }, ['sessionId']],
    ['metadata that is text', { metadata: 'a' }, ['metadata']],
    ['metadata that is a list', { metadata: [{}] }, ['metadata']],
    ['metadata that is true', { metadata: true }, ['metadata']],
    ['metadata of more than 16 kB', { metadata: { a: textOfLength(16_377) } }, ['metadata']],
    ['metadata of more than 16 kB in UTF-8', { metadata: { a: 'é'.repeat(8_189) } }, ['metadata']],
    ['both a chatbot and a conversation', { conversationId: createId('conversation') }, []],
    ['neither a chatbot nor a conversation', { chatbotId: null }, []],
    [
      'a session id with a conversation',
      { chatbotId: null, conversationId: createId('conversation'), sessionId: 's' },
      ['sessionId'],
    ],
  ])('rejects %s, and stores nothing', async (_name, input, path) => {
    const gateway = await openGateway();
    const answer = await sendMessage(gateway, { chatbotId: await createChatbot(gateway), content: 'Hello', ...input });
    expect(answer).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT', fields: [{ path }] });
    expect(await countRows(gateway)).toEqual([0, 0, 0]);
  });

  it('accepts metadata of 16 kB, and metadata nested 32 levels deep, but no deeper', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const sendMetadata = (metadata: unknown) => sendMessage(gateway, { chatbotId, content: 'Hello', metadata });
    for (const metadata of [{ a: textOfLength(16_376) }, nestObject(32)])
      expect(await sendMetadata(metadata)).toMatchObject({ sent: { metadata } });
    const before = await countRows(gateway);
    for (const depth of [33, 40]) {
      const input = { chatbotId, content: 'Hello', metadata: nestObject(depth) };
      expect(errorCodesOf(await gateway.graphql(mutation('sendMessage'), { input }))).toEqual(['BAD_USER_INPUT']);
    }
    const literal = `mutation { sendMessage(input: { chatbotId: "1", content: "a", metadata: ${'{a:'.repeat(40)}1${'}'.repeat(40)} }) { __typename } }`;
    expect(errorCodesOf(await gateway.graphql(literal))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect((await countRows(gateway)).slice(0, 2)).toEqual(before.slice(0, 2));
  });

  it('reports every invalid field', async () => {
    const gateway = await openGateway();
    expect(await sendMessage(gateway, { content: ' ', sessionId: '', metadata: [] })).toMatchObject({
      fields: [{ path: ['content'] }, { path: ['sessionId'] }, { path: ['metadata'] }],
    });
  });

  it('rejects a message to a paused chatbot, also in an existing conversation, and stores nothing', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const { conversationId, replyId } = await send(gateway, { chatbotId, content: 'Hello' });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: false });
    const before = await countRows(gateway);
    const paused = { __typename: 'ChatbotPausedError', code: 'CHATBOT_PAUSED', reason: 'Chatbot is not active.' };
    expect(await sendMessage(gateway, { chatbotId, content: 'Hello' })).toEqual(paused);
    expect(await sendMessage(gateway, { conversationId, content: 'Hello' })).toEqual(paused);
    expect(await countRows(gateway)).toEqual(before);
    await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: true });
    expect(await sendMessage(gateway, { conversationId, content: 'Hello' })).toMatchObject({
      __typename: 'SendMessagePayload',
    });
  });

  it('rejects messages above the monthly quota of two, and stores nothing', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ env: { MONTHLY_MESSAGE_LIMIT: '2' }, overrides: { clock } });
    const chatbotId = await createChatbot(gateway);
    const answers = await Promise.all(
      [1, 2, 3, 4].map((i) => sendMessage(gateway, { chatbotId, content: `Number ${i}` })),
    );
    const refused = {
      __typename: 'QuotaExceededError',
      code: 'QUOTA_EXCEEDED',
      reason: 'Monthly message limit reached.',
    };
    expect(answers.filter(({ __typename }) => __typename === 'SendMessagePayload')).toHaveLength(2);
    expect(removeDuplicates(answers.filter(({ __typename }) => __typename !== 'SendMessagePayload'))).toEqual([
      refused,
    ]);
    expect(await countRows(gateway)).toEqual([2, 4, 2]);

    const otherTenant = await gateway.createTenant();
    const input = { chatbotId: await createChatbot(gateway, { key: otherTenant.key }), content: 'Hello' };
    expect(await mutate(gateway, 'sendMessage', input, { key: otherTenant.key })).toEqual({
      __typename: 'SendMessagePayload',
    });
    clock.advance(31 * 24 * 3_600_000);
    expect(await sendMessage(gateway, { chatbotId, content: 'Hello' })).toMatchObject({
      __typename: 'SendMessagePayload',
    });
  });
});
