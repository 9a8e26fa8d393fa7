import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { deleteExpiredIdempotencyKeys } from '../../src/messages/idempotent-send.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { createDataDir, startGatewayProcess } from '../helpers/process.ts';
import { webSocket } from '../helpers/streams.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  __typename
  ... on SendMessagePayload { conversation { id } userMessage { id content } reply { id } }
  ... on InvalidInputError { fields { path message } }
} }`;

interface SendResult {
  readonly __typename: string;
  readonly conversation?: { id: string };
  readonly userMessage?: { id: string; content: string };
  readonly reply?: { id: string };
  readonly fields?: readonly { path: string[]; message: string }[];
}

/** An engine whose answers wait until the test releases them. */
function createHeldEngine() {
  let gate = Promise.withResolvers<void>();
  let questionCount = 0;
  const engine: AnswerEngine = {
    async *answer() {
      questionCount++;
      await gate.promise;
      yield delta('So.');
      yield finish;
    },
  };
  return {
    engine,
    /** The number of requested answers. */
    get questionCount() {
      return questionCount;
    },
    /** Releases the answers that are requested so far; with `'all'`, also those that are requested later. */
    release(scope?: 'all'): void {
      gate.resolve();
      if (scope === undefined) gate = Promise.withResolvers();
    },
  };
}

/** Opens a gateway with a chatbot whose answers the test releases. */
async function open(options: GatewayOptions = {}) {
  const answers = createHeldEngine();
  const overrides = { ...options.overrides, engines: new Map([['builtin', answers.engine]]) };
  const gateway = await startGateway({ ...options, overrides });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => answers.release('all'));
  const chatbotId = await createChatbot(gateway);

  async function send(input: object, key = gateway.key): Promise<SendResult> {
    const base = { clientMessageId: 'one', content: 'Well?', ...('conversationId' in input ? {} : { chatbotId }) };
    const variables = { input: { ...base, ...input } };
    const { data, errors } = await gateway.graphql<{ sendMessage: SendResult }>(SEND, variables, key);
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data.sendMessage;
  }
  const sendForTypename = async (input: object) => (await send(input)).__typename;
  return { gateway, answers, chatbotId, send, sendForTypename };
}

/** Counts the stored rows and the used messages. */
async function countStored({ deps }: TestGateway) {
  const { read } = deps.db;
  const count = async (table: 'conversations' | 'messages' | 'conversation_events' | 'idempotency_keys') =>
    (await read.selectFrom(table).select('account_id').execute()).length;
  const usage = await read.selectFrom('usage').select('messages').executeTakeFirst();
  return {
    conversations: await count('conversations'),
    messages: await count('messages'),
    events: await count('conversation_events'),
    keys: await count('idempotency_keys'),
    used: usage?.messages ?? 0,
  };
}

const ONE_EFFECT = { conversations: 1, messages: 2, keys: 1, used: 1 };

describe('a repeated mutation with the same clientMessageId', () => {
  it('is marked as replayed in the response over HTTP, the first one is not', async () => {
    const { gateway, answers, chatbotId, send } = await open();
    answers.release('all');
    const { conversation, userMessage, reply } = await send({ clientMessageId: 'before' });
    await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
    const inputs = {
      sendMessage: { chatbotId, content: 'Well?' },
      editMessage: { id: userMessage?.id, content: 'What?' },
      regenerateMessage: { id: reply?.id },
      sendAgentMessage: { conversationId: conversation?.id, content: 'A note.', isPrivate: true },
    };
    for (const [name, input] of Object.entries(inputs)) {
      const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      const query = `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename } }`;
      const request = () => gateway.graphql(query, { input: { ...input, clientMessageId: 'one' } });
      const [first, second] = [await request(), await request()];
      expect([first.data, second.data]).toEqual(Array(2).fill({ [name]: { __typename: `${type}Payload` } }));
      const marks = [first, second].map(({ headers }) => headers.get('idempotency-replayed'));
      expect([name, ...marks]).toEqual([name, null, 'true']);
    }
  });
});

describe('a repeated message with the same clientMessageId', () => {
  it('returns the first message; nothing is stored, counted or generated twice', async () => {
    const { gateway, answers, send } = await open();
    const first = await send({});
    expect(first.__typename).toBe('SendMessagePayload');
    expect(await send({})).toEqual(first);
    expect(await countStored(gateway)).toEqual({ ...ONE_EFFECT, events: 2 });
    answers.release();
    await webSocket.subscribe(gateway, { messageId: first.reply?.id ?? '' }).ended;
    expect(await send({})).toEqual(first);
    expect(await countStored(gateway)).toEqual({ ...ONE_EFFECT, events: 3 });
    expect(answers.questionCount).toBe(1);
  });

  it('has one effect when it is sent 50 times concurrently', async () => {
    const { gateway, answers, send } = await open();
    const results = await Promise.all(Array.from({ length: 50 }, () => send({})));
    expect(new Set(results.map((sent) => JSON.stringify(sent))).size).toBe(1);
    expect(await countStored(gateway)).toEqual({ ...ONE_EFFECT, events: 2 });
    expect(answers.questionCount).toBe(1);
  });

  it('is the same request with metadata keys in another order or with surrounding white space', async () => {
    const { send } = await open();
    const first = await send({ metadata: { a: 1, b: { c: [{ d: 1, e: 2 }], f: null } } });
    expect(first.__typename).toBe('SendMessagePayload');
    const again = { content: ' Well? ', metadata: { b: { f: null, c: [{ e: 2, d: 1 }] }, a: 1 } };
    expect(await send(again)).toEqual(first);
  });

  it.each([
    { title: 'another text', input: { content: 'What?' } },
    { title: 'other metadata', input: { metadata: { a: [2, 1] } } },
    { title: 'no metadata', input: { metadata: null } },
    { title: 'another session', input: { sessionId: 'two' } },
    { title: 'no session', input: { sessionId: null } },
  ])('is rejected with $title', async ({ input }) => {
    const { gateway, send, sendForTypename } = await open();
    const first = { sessionId: 'one', metadata: { a: [1, 2] } };
    await send(first);
    const before = await countStored(gateway);
    expect(await sendForTypename({ ...first, ...input })).toBe('IdempotencyConflictError');
    expect(await countStored(gateway)).toEqual(before);
  });

  it('is rejected in another conversation', async () => {
    const { gateway, send, sendForTypename } = await open();
    const otherSend = await send({ clientMessageId: 'before', sessionId: 'other' });
    const conversationId = (await send({ clientMessageId: 'first' })).conversation?.id;
    const first = await send({ conversationId });
    expect(first).toMatchObject({ __typename: 'SendMessagePayload', conversation: { id: conversationId } });
    expect(await send({ conversationId })).toEqual(first);
    expect(await send({ conversationId: conversationId?.toUpperCase() })).toEqual(first);
    const before = await countStored(gateway);
    expect(await sendForTypename({ conversationId: otherSend.conversation?.id })).toBe('IdempotencyConflictError');
    expect(await sendForTypename({})).toBe('IdempotencyConflictError');
    expect(await countStored(gateway)).toEqual(before);
  });

  it.each([{}, { sessionId: 'one' }])('stays in the conversation of the first message, with %o', async (input) => {
    const { gateway, send, sendForTypename } = await open();
    const first = await send(input);
    expect(await send(input)).toEqual(first);
    // A request that names the conversation in another way is a different request.
    expect(await sendForTypename({ conversationId: first.conversation?.id })).toBe('IdempotencyConflictError');
    expect((await countStored(gateway)).conversations).toBe(1);
  });

  it('is a new message for another chatbot and in another account', async () => {
    const { gateway, send } = await open();
    const first = await send({});
    const second = await send({ chatbotId: await createChatbot(gateway, { name: 'Second' }) });
    const otherTenant = await gateway.createTenant();
    const chatbotId = await createChatbot(gateway, { key: otherTenant.key });
    const third = await send({ chatbotId }, otherTenant.key);
    const ids = [first, second, third].map(({ userMessage }) => userMessage?.id);
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain(undefined);
    expect((await send({}, otherTenant.key)).__typename).toBe('NotFoundError');
  });

  it('is a new message without a clientMessageId, and with another clientMessageId', async () => {
    const { send } = await open();
    const results = [await send({}), await send({ clientMessageId: 'two' }), await send({ clientMessageId: null })];
    expect(new Set(results.map(({ userMessage }) => userMessage?.id)).size).toBe(3);
  });

  it('is a new message after 24 hours, when the idempotency key is deleted', async () => {
    const clock = createManualClock();
    const { gateway, send } = await open({ overrides: { clock } });
    const first = await send({});
    clock.advance(DAY_MS - 1);
    await send({ clientMessageId: 'other' });
    expect(await send({})).toEqual(first);
    expect((await countStored(gateway)).keys).toBe(2);
    clock.advance(1);
    const second = await send({ content: 'What?' });
    expect(second.__typename).toBe('SendMessagePayload');
    expect(second.userMessage?.id).not.toBe(first.userMessage?.id);
    expect(await send({ content: 'What?' })).toEqual(second);
    expect((await countStored(gateway)).keys).toBe(2);
    clock.advance(DAY_MS);
    await send({ clientMessageId: 'last' });
    await deleteExpiredIdempotencyKeys(gateway.deps);
    expect((await countStored(gateway)).keys).toBe(1);
  });

  it('returns the first message while the chatbot is paused and the quota is used up', async () => {
    const { gateway, chatbotId, send, sendForTypename } = await open({ env: { MONTHLY_MESSAGE_LIMIT: '1' } });
    const first = await send({});
    expect(await sendForTypename({ clientMessageId: 'two' })).toBe('QuotaExceededError');
    expect(await send({})).toEqual(first);
    await setActive(gateway, chatbotId, false);
    expect(await sendForTypename({ clientMessageId: 'two' })).toBe('ChatbotPausedError');
    expect(await send({})).toEqual(first);
    expect(await send({ whenBusy: 'REJECT' })).toEqual(first);
  });

  it('does not stop a later reply', async () => {
    const { gateway, answers, send } = await open();
    const input = { sessionId: 'one', whenBusy: 'INTERRUPT' };
    const first = await send(input);
    await vi.waitFor(() => expect(answers.questionCount).toBe(1));
    answers.release();
    await webSocket.subscribe(gateway, { messageId: first.reply?.id ?? '' }).ended;
    const next = await send({ ...input, clientMessageId: 'two' });
    expect(await send(input)).toEqual(first);
    await vi.waitFor(() => expect(answers.questionCount).toBe(2));
    answers.release();
    const reader = webSocket.subscribe(gateway, { messageId: next.reply?.id ?? '' });
    await reader.ended;
    expect(reader.events.at(-1)?.message?.status).toBe('COMPLETED');
  });
});

describe('a rejected message', () => {
  it('stores no idempotency key when the chatbot is paused', async () => {
    const { gateway, chatbotId, sendForTypename } = await open();
    await setActive(gateway, chatbotId, false);
    expect(await sendForTypename({})).toBe('ChatbotPausedError');
    await setActive(gateway, chatbotId, true);
    expect(await sendForTypename({ content: 'What?' })).toBe('SendMessagePayload');
  });

  it('stores no idempotency key when the quota is used up', async () => {
    const clock = createManualClock();
    const { gateway, sendForTypename } = await open({ env: { MONTHLY_MESSAGE_LIMIT: '1' }, overrides: { clock } });
    await sendForTypename({ clientMessageId: 'before' });
    expect(await sendForTypename({})).toBe('QuotaExceededError');
    expect((await countStored(gateway)).keys).toBe(1);
    clock.advance(31 * DAY_MS);
    expect(await sendForTypename({ content: 'What?' })).toBe('SendMessagePayload');
  });

  it('stores no idempotency key when the conversation is busy', async () => {
    const { gateway, send, sendForTypename } = await open();
    await send({ clientMessageId: 'before', sessionId: 'one' });
    const input = { sessionId: 'one', whenBusy: 'REJECT' };
    expect(await sendForTypename(input)).toBe('ConversationBusyError');
    expect((await countStored(gateway)).keys).toBe(1);
    expect(await sendForTypename({ ...input, whenBusy: 'ENQUEUE', content: 'What?' })).toBe('SendMessagePayload');
  });

  it('is rejected for a malformed clientMessageId', async () => {
    const { gateway, send } = await open();
    for (const [clientMessageId, message] of [
      [' ', 'Must not be empty.'],
      ['a'.repeat(256), 'Must have at most 255 characters.'],
      ['a\0b', 'Must not contain NUL characters.'],
    ]) {
      expect((await send({ clientMessageId })).fields).toEqual([{ path: ['clientMessageId'], message }]);
    }
    expect((await send({ clientMessageId: 'a'.repeat(255) })).__typename).toBe('SendMessagePayload');
    expect((await countStored(gateway)).keys).toBe(1);
  });
});

describe('a process killed between the commit and its response', () => {
  it('has stored the message, and a retry has no second effect', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '0' };
    const killed = await startSelfKillingGateway(env);
    await expect(sendToProcess(killed)).rejects.toThrow();
    expect(await killed.exited).toBe('SIGKILL');

    const next = Object.assign(await startGatewayProcess({ env }), { key: killed.key });
    const first = await sendToProcess(next);
    expect(await sendToProcess(next)).toEqual(first);
    expect(first.sendMessage.conversation.messages.nodes.map(({ id }) => id)).toEqual([
      first.sendMessage.userMessage.id,
      first.sendMessage.reply.id,
    ]);
  });
});

/** Sends the same message to the demo chatbot each time. */
async function sendToProcess({ url, key }: { url: string; key: string }): Promise<{ sendMessage: ProcessSendResult }> {
  const query = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ... on SendMessagePayload {
    conversation { id messages { nodes { id } } } userMessage { id } reply { id }
  } } }`;
  const input = { chatbotId: '01900000-0000-7000-8000-000000000003', clientMessageId: 'one', content: 'Well?' };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data } = (await response.json()) as { data: { sendMessage: ProcessSendResult } };
  return data;
}

interface ProcessSendResult {
  readonly conversation: { id: string; messages: { nodes: { id: string }[] } };
  readonly userMessage: { id: string };
  readonly reply: { id: string };
}

/** Starts a gateway that kills itself at its first bus signal, which comes after the commit and before the response. */
async function startSelfKillingGateway(env: Record<string, string>) {
  const program = `
    import { startGateway } from '${new URL('../../src/app.ts', import.meta.url)}';
    import { readConfig } from '${new URL('../../src/config.ts', import.meta.url)}';
    const bus = { publish: () => process.kill(process.pid, 'SIGKILL'), subscribe: () => () => {}, size: 0 };
    const { url, firstKey } = await startGateway(readConfig(process.env), { bus });
    process.stdout.write(JSON.stringify({ url, key: firstKey }));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...env, PORT: '0', LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  return { ...(JSON.parse(output.toString()) as { url: string; key: string }), exited };
}

function setActive({ graphql }: TestGateway, id: string, isActive: boolean) {
  return graphql(
    'mutation ($id: ID!, $isActive: Boolean!) { updateChatbot(input: { id: $id, isActive: $isActive }) { __typename } }',
    { id, isActive },
  );
}
