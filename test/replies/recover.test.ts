import { describe, expect, it } from 'vitest';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';
import { type Reader, serverSentEvents, webSocket } from '../helpers/streams.ts';

const DEMO_CHATBOT_ID = '01900000-0000-7000-8000-000000000003';

async function runOperation<T>(gateway: RunningGateway, query: string, variables: object): Promise<T> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': gateway.key },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

interface SendResult {
  readonly sendMessage: {
    conversation: { id: string };
    userMessage: { id: string };
    reply: { id: string; status: string };
  };
}

async function send(gateway: RunningGateway, content: string) {
  const { sendMessage } = await runOperation<SendResult>(
    gateway,
    `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
      ... on SendMessagePayload { conversation { id } userMessage { id } reply { id status } }
    } }`,
    { input: { chatbotId: DEMO_CHATBOT_ID, sessionId: 'one', content } },
  );
  return sendMessage;
}

interface ReadResult {
  readonly conversation: { messages: { nodes: { id: string; role: string; status: string; content: string }[] } };
  readonly viewer: { account: { usage: { messages: number; days: object[] } } };
}

const READ_CONVERSATION = `query ($id: ID!) {
  conversation(id: $id) { messages { nodes { id role status content } } }
  viewer { account { usage { messages days { messages unpricedMessages } } } }
}`;

/** Waits until a reader has received `count` deltas. */
async function readDeltas(reader: Reader, count: number): Promise<void> {
  const isDelta = ({ __typename }: { __typename: string }) => __typename === 'MessageDelta';
  await reader.until(() => reader.events.filter(isDelta).length >= count);
}

describe('a gateway whose process was killed', () => {
  it('interrupts the reply that was being generated, answers the queued ones, and loses no acknowledged message', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '500' };
    const killed = await startGatewayProcess({ env });
    const question = 'How do I follow an answer while it is written?';
    const running = await send(killed, question);
    const waiting = await send(killed, question);
    const last = await send(killed, 'And after that?');
    expect([running, waiting, last].map(({ reply }) => reply.status)).toEqual(['STREAMING', 'QUEUED', 'QUEUED']);
    const interrupted = webSocket.subscribe(killed, { messageId: running.reply.id });
    // One word every half second: the first three words are more than a second old when the eighth arrives.
    await readDeltas(interrupted, 3);
    const earlyText = interrupted.text;
    await readDeltas(interrupted, 8);
    killed.kill('SIGKILL');
    expect(await killed.exited).toBe('SIGKILL');
    await interrupted.ended;

    const started = await startGatewayProcess({ env: { ...env, BUILTIN_DELAY_MS: '5' } });
    expect(started.key).toBe('');
    const restarted = Object.assign(started, { key: killed.key });

    const followers = [
      webSocket.subscribe(restarted, { messageId: running.reply.id }),
      serverSentEvents.subscribe(restarted, { messageId: running.reply.id, after: interrupted.events.at(-1)?.cursor }),
      webSocket.subscribe(restarted, { messageId: waiting.reply.id }),
      serverSentEvents.subscribe(restarted, { messageId: last.reply.id }),
    ];
    expect(await Promise.all(followers.map((follower) => follower.ended))).toEqual(Array(4).fill(undefined));
    expect(followers.map(({ events }) => events.at(-1)?.__typename)).toEqual([
      'MessageInterrupted',
      'MessageInterrupted',
      'MessageCompleted',
      'MessageCompleted',
    ]);

    const { conversation, viewer } = await runOperation<ReadResult>(restarted, READ_CONVERSATION, {
      id: running.conversation.id,
    });
    expect(conversation.messages.nodes.map(({ id, role, status }) => [id, role, status])).toEqual([
      [running.userMessage.id, 'USER', 'COMPLETED'],
      [running.reply.id, 'ASSISTANT', 'INTERRUPTED'],
      [waiting.userMessage.id, 'USER', 'COMPLETED'],
      [waiting.reply.id, 'ASSISTANT', 'COMPLETED'],
      [last.userMessage.id, 'USER', 'COMPLETED'],
      [last.reply.id, 'ASSISTANT', 'COMPLETED'],
    ]);
    expect(conversation.messages.nodes[0]?.content).toBe(question);
    expect(conversation.messages.nodes[3]?.content).not.toBe('');
    // At most the last second of the interrupted text is missing. The reply has text, so it counts as used.
    const saved = conversation.messages.nodes[1]?.content ?? '';
    expect(saved.slice(0, earlyText.length)).toBe(earlyText);
    expect(interrupted.text.slice(0, saved.length)).toBe(saved);
    expect(conversation.messages.nodes[3]?.content.slice(0, saved.length)).toBe(saved);
    // The usage of the interrupted reply is unknown.
    expect(viewer.account.usage).toEqual({ messages: 3, days: [{ messages: 3, unpricedMessages: 1 }] });
  });

  it('generates a reply without saved text again, and charges it once', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '10000' };
    const killed = await startGatewayProcess({ env });
    const { reply, conversation } = await send(killed, 'Well?');
    killed.kill('SIGKILL');
    await killed.exited;
    const next = await startGatewayProcess({ env: { ...env, BUILTIN_DELAY_MS: '5' } });
    const restarted = Object.assign(next, { key: killed.key });
    await webSocket.subscribe(restarted, { messageId: reply.id }).ended;
    const { conversation: stored, viewer } = await runOperation<ReadResult>(restarted, READ_CONVERSATION, {
      id: conversation.id,
    });
    expect(stored.messages.nodes[1]).toMatchObject({ id: reply.id, status: 'COMPLETED' });
    expect(viewer.account.usage.messages).toBe(1);
  });

  it('recovers when it is killed again during the recovery', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '500' };
    const first = await startGatewayProcess({ env });
    const firstSend = await send(first, 'One?');
    const { reply } = await send(first, 'Two?');
    await readDeltas(webSocket.subscribe(first, { messageId: firstSend.reply.id }), 1);
    const { key } = first;
    first.kill('SIGKILL');
    await first.exited;
    const second = Object.assign(await startGatewayProcess({ env }), { key });
    const reader = webSocket.subscribe(second, { messageId: reply.id });
    await readDeltas(reader, 1);
    second.kill('SIGKILL');
    await second.exited;
    const third = Object.assign(await startGatewayProcess({ env }), { key });
    const late = webSocket.subscribe(third, { messageId: reply.id });
    expect(await late.ended).toBeUndefined();
    expect(late.events.at(-1)?.message?.status).toBe('INTERRUPTED');
  });
});
