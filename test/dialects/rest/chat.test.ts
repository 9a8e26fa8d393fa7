import { describe, expect, it, vi } from 'vitest';
import { createRest } from '../../../src/dialects/rest/app.ts';
import type { MessageStreamSubscription, SendMessageMutation } from '../../../src/dialects/rest/documents.ts';
import type { GraphClient } from '../../../src/dialects/rest/graph-client.ts';
import { createScriptedEngine, delta, finish } from '../../helpers/models/engines.ts';
import { openGateway, type RestGateway } from './support.ts';

/** Sends a chat request to a REST app with a stub of GraphQL, which returns `sendPayload` and emits `events`. */
async function chatWithStubGraph(
  sendPayload: Partial<SendMessageMutation['sendMessage']>,
  ...events: MessageStreamSubscription['messageStream'][]
): Promise<[status: number, body: string]> {
  const graph = {
    query: async () => ({ sendMessage: { __typename: 'SendMessagePayload', ...sendPayload } }),
    subscribe: async function* () {
      for (const messageStream of events) yield { messageStream };
    },
  } as unknown as GraphClient;
  const rest = createRest({ chatTimeoutMs: 10_000, onError: () => {} });
  const request = new Request('http://localhost/v1/chatbots/1/chat', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"message":"Hello"}',
  });
  const { signal } = new AbortController();
  const response = await rest.fetch(request, {
    authenticate: async () => ({ graph, accountId: '1' }),
    requestId: '1',
    signal,
  });
  return [response.status, await response.text()];
}

/** Reads the messages of the chatbot's conversations, newest conversation first. */
async function readConversations({ graphql, chatbotId }: RestGateway) {
  const { data } = await graphql<{
    chatbot: {
      conversations: {
        nodes: {
          sessionId: string;
          channel: string;
          messages: { nodes: { role: string; status: string; content: string }[] };
        }[];
      };
    };
  }>(
    `query ($id: ID!) { chatbot(id: $id) { conversations { nodes {
      sessionId channel messages { nodes { role status content } }
    } } } }`,
    { id: chatbotId },
  );
  return data.chatbot.conversations.nodes;
}

describe('a chat request', () => {
  it("continues the account's default conversation without a session id", async () => {
    const gateway = await openGateway();
    await gateway.chat({ message: 'One' });
    await gateway.chat({ message: 'Two' });
    const answer = { role: 'ASSISTANT', status: 'COMPLETED', content: 'It is so.' };
    expect(await readConversations(gateway)).toEqual([
      {
        sessionId: `api-${gateway.accountId}`,
        channel: 'API',
        messages: {
          nodes: [
            { role: 'USER', status: 'COMPLETED', content: 'One' },
            answer,
            { role: 'USER', status: 'COMPLETED', content: 'Two' },
            answer,
          ],
        },
      },
    ]);
  });

  it('continues the conversation that its session id names', async () => {
    const gateway = await openGateway();
    for (const session_id of ['a', 'b', 'a']) await gateway.chat({ message: 'Hello', session_id });
    const conversations = await readConversations(gateway);
    expect(conversations.map(({ sessionId, messages }) => [sessionId, messages.nodes.length])).toEqual([
      ['b', 2],
      ['a', 4],
    ]);
  });

  it('waits for an earlier request in its conversation, and both receive a reply', async () => {
    const engine = createScriptedEngine();
    const { chat } = await openGateway({ engine });
    const answers = Promise.all([chat({ message: 'One' }), chat({ message: 'Two' })]);
    engine.push(delta('First.'), finish, delta('Second.'), finish);
    const responses = await answers;
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    const bodies = await Promise.all(responses.map((response) => response.text()));
    expect(bodies.sort()).toEqual(['{"response":"First."}', '{"response":"Second."}']);
  });

  it('ends with 504 when the reply takes too long, but does not stop the reply', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine, env: { CHAT_TIMEOUT_SECONDS: '1' } });
    const response = await gateway.chat({ message: 'Hello' });
    expect(response.status).toBe(504);
    expect(await response.text()).toBe('{"detail":"The answer took too long."}');
    engine.push(delta('Late.'), finish, delta('In time.'), finish);
    expect(await (await gateway.chat({ message: 'Again' })).text()).toBe('{"response":"In time."}');
    const [conversation] = await readConversations(gateway);
    expect(conversation?.messages.nodes[1]).toEqual({ role: 'ASSISTANT', status: 'COMPLETED', content: 'Late.' });
  });

  it('does not stop the reply when the client disconnects', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine });
    const client = new AbortController();
    const aborted = gateway.chat({ message: 'Hello' }, { signal: client.signal });
    await vi.waitFor(() => expect(engine.questionCount).toBe(1));
    client.abort();
    await expect(aborted).rejects.toThrow('aborted');
    engine.push(delta('Unheard.'), finish, delta('Heard.'), finish);
    expect(await (await gateway.chat({ message: 'Again' })).text()).toBe('{"response":"Heard."}');
    const [conversation] = await readConversations(gateway);
    expect(conversation?.messages.nodes[1]).toEqual({ role: 'ASSISTANT', status: 'COMPLETED', content: 'Unheard.' });
  });

  it('is rejected with 503 when too many replies are queued in its conversation', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine });
    const input = { chatbotId: gateway.chatbotId, sessionId: `api-${gateway.accountId}`, content: 'Hello' };
    for (let n = 0; n <= 100; n++) {
      await gateway.graphql('mutation ($input: SendMessageInput!) { sendMessage(input: $input) { __typename } }', {
        input,
      });
    }
    const response = await gateway.chat({ message: 'One too many' });
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('{"detail":"Service unavailable."}');
    for (let n = 0; n <= 100; n++) engine.push(finish);
  });

  it('is rejected with 413 when a chunked body is too large', async () => {
    const { send, chatbotId } = await openGateway();
    const response = await send(`/v1/chatbots/${chatbotId}/chat`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: new Blob(['a'.repeat(300_000)]).stream(),
      duplex: 'half',
    } as object);
    expect(response.status).toBe(413);
    expect(await response.text()).toBe('{"detail":"Request body is too large. At most 256 kB are accepted."}');
  });

  it('does not count against the quota if it is rejected', async () => {
    const { chat } = await openGateway({ env: { MONTHLY_MESSAGE_LIMIT: '1' } });
    expect((await chat({ message: '' })).status).toBe(400);
    expect((await chat({ message: 'Hello' })).status).toBe(200);
    expect((await chat({ message: 'Hello' })).status).toBe(429);
  });

  it('returns the text of a stopped reply', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine, env: {} });
    const pendingResponse = gateway.chat({ message: 'Hello' });
    engine.push(delta('Half'));
    await vi.waitFor(() => expect([...gateway.deps.liveReplies.values()][0]?.content).toBe('Half'));
    await gateway.graphql('mutation ($id: ID!) { stopMessage(input: { id: $id }) { __typename } }', {
      id: [...gateway.deps.liveReplies.keys()][0],
    });
    const response = await pendingResponse;
    expect([response.status, await response.text()]).toEqual([200, '{"response":"Half"}']);
  });

  it('returns the text of an interrupted reply, or 502 if there is none', async () => {
    const interrupted = (content: string) => ({ __typename: 'MessageInterrupted', message: { content } }) as const;
    expect(await chatWithStubGraph({ reply: { id: '1', status: 'STREAMING' } }, interrupted('Half'))).toEqual([
      200,
      '{"response":"Half"}',
    ]);
    const failure = [502, '{"detail":"The answer could not be produced."}'];
    expect(await chatWithStubGraph({ reply: { id: '1', status: 'STREAMING' } }, interrupted(''))).toEqual(failure);
    expect(await chatWithStubGraph({ reply: { id: '1', status: 'STREAMING' } })).toEqual(failure);
  });

  it('returns the notice if there will be no reply', async () => {
    const notice = 'A person will reply here.';
    expect(await chatWithStubGraph({ reply: null, notice })).toEqual([200, `{"response":"${notice}"}`]);
  });
});
