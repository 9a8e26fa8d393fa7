import { describe, expect, it } from 'vitest';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';
import { serverSentEvents, webSocket } from '../helpers/streams.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';

async function ask<T>(gateway: RunningGateway, query: string, variables: object): Promise<T> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': gateway.key },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

interface Sent {
  readonly sendMessage: {
    conversation: { id: string };
    message: { id: string };
    reply: { id: string; status: string };
  };
}

async function send(gateway: RunningGateway, content: string) {
  const { sendMessage } = await ask<Sent>(
    gateway,
    `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
      ... on SendMessagePayload { conversation { id } message { id } reply { id status } }
    } }`,
    { input: { chatbotId: DEMO, sessionId: 'one', content } },
  );
  return sendMessage;
}

interface Told {
  readonly conversation: { messages: { nodes: { id: string; role: string; status: string; content: string }[] } };
  readonly viewer: { account: { usage: { messages: number } } };
}

describe('a gateway whose process was killed', () => {
  it('ends what was being written, takes up what waited, and keeps all that was acknowledged', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '500' };
    const killed = await startGatewayProcess({ env });
    const question = 'How do I follow an answer while it is written?';
    const running = await send(killed, question);
    const waiting = await send(killed, question);
    const last = await send(killed, 'And after that?');
    expect([running, waiting, last].map(({ reply }) => reply.status)).toEqual(['STREAMING', 'QUEUED', 'QUEUED']);
    const cut = webSocket.follow(killed, { messageId: running.reply.id });
    await cut.until(({ __typename }) => __typename === 'MessageDelta');
    killed.kill('SIGKILL');
    expect(await killed.exited).toBe('SIGKILL');
    await cut.ended;

    const started = await startGatewayProcess({ env: { ...env, BUILTIN_DELAY_MS: '5' } });
    expect(started.key).toBe('');
    const again = Object.assign(started, { key: killed.key });

    const followers = [
      webSocket.follow(again, { messageId: running.reply.id }),
      serverSentEvents.follow(again, { messageId: running.reply.id, after: cut.events.at(-1)?.cursor }),
      webSocket.follow(again, { messageId: waiting.reply.id }),
      serverSentEvents.follow(again, { messageId: last.reply.id }),
    ];
    expect(await Promise.all(followers.map((follower) => follower.ended))).toEqual(Array(4).fill(undefined));
    expect(followers.map(({ events }) => events.at(-1)?.__typename)).toEqual([
      'MessageInterrupted',
      'MessageInterrupted',
      'MessageCompleted',
      'MessageCompleted',
    ]);

    const { conversation, viewer } = await ask<Told>(
      again,
      `query ($id: ID!) {
        conversation(id: $id) { messages { nodes { id role status content } } }
        viewer { account { usage { messages } } }
      }`,
      { id: running.conversation.id },
    );
    expect(conversation.messages.nodes.map(({ id, role, status }) => [id, role, status])).toEqual([
      [running.message.id, 'USER', 'COMPLETED'],
      [running.reply.id, 'ASSISTANT', 'INTERRUPTED'],
      [waiting.message.id, 'USER', 'COMPLETED'],
      [waiting.reply.id, 'ASSISTANT', 'COMPLETED'],
      [last.message.id, 'USER', 'COMPLETED'],
      [last.reply.id, 'ASSISTANT', 'COMPLETED'],
    ]);
    expect(conversation.messages.nodes[0]?.content).toBe(question);
    expect(conversation.messages.nodes[3]?.content).not.toBe('');
    // Nothing of the interrupted one was saved, so it costs nothing.
    expect(conversation.messages.nodes[1]?.content).toBe('');
    expect(viewer.account.usage.messages).toBe(2);
  });

  it('can be killed again while it takes up what waited', async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '500' };
    const first = await startGatewayProcess({ env });
    await send(first, 'One?');
    const { reply } = await send(first, 'Two?');
    const { key } = first;
    first.kill('SIGKILL');
    await first.exited;
    const second = Object.assign(await startGatewayProcess({ env }), { key });
    const reader = webSocket.follow(second, { messageId: reply.id });
    await reader.until(({ message }) => message?.status === 'STREAMING');
    second.kill('SIGKILL');
    await second.exited;
    const third = Object.assign(await startGatewayProcess({ env }), { key });
    const late = webSocket.follow(third, { messageId: reply.id });
    expect(await late.ended).toBeUndefined();
    expect(late.events.at(-1)?.message?.status).toBe('INTERRUPTED');
  });
});
