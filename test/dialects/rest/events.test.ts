import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createRest } from '../../../src/dialects/rest/app.ts';
import type { ConversationEventsSubscription } from '../../../src/dialects/rest/documents.ts';
import { toEvent } from '../../../src/dialects/rest/event-mappers.ts';
import type { GraphClient } from '../../../src/dialects/rest/graph-client.ts';
import type { Citation } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { send } from '../../helpers/chatbots.ts';
import { readEventStream, type ServerSentEvent } from '../../helpers/event-stream.ts';
import { createInvalidCursors } from '../../helpers/invalid-cursors.ts';
import { createScriptedEngine, delta, finish } from '../../helpers/models/engines.ts';
import { webSocket } from '../../helpers/streams.ts';
import { NOW, openGateway, type RestGateway, UNKNOWN_ID } from './support.ts';

/** An event with its parsed data. */
interface ReceivedEvent {
  readonly id: string;
  readonly name: string;
  readonly data: EventData;
}

interface EventData {
  readonly message_id?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly message?: { id: string; status: string; content: string };
}

/** Starts a gateway with a scripted engine and a conversation that contains one completed reply. */
async function openConversation(env: Record<string, string> = {}) {
  const engine = createScriptedEngine();
  const gateway = await openGateway({ engine, env });
  // Ends any open reply, for which closing the gateway would otherwise wait.
  onTestFinished(() => engine.push(finish));
  const sendMessage = (content = 'Well?') => send(gateway, { chatbotId: gateway.chatbotId, sessionId: 'one', content });
  engine.push(delta('Yes.'), finish);
  const first = await sendMessage();
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
  const path = `/v1/conversations/${first.conversationId}/events`;
  return { ...gateway, engine, sendMessage, path, first, conversationId: first.conversationId };
}

type ConversationFixture = Awaited<ReturnType<typeof openConversation>>;

/** Opens the event stream of a conversation over REST. */
async function openStream(
  { send: request, path }: Pick<ConversationFixture, 'send' | 'path'>,
  { headers = {}, query = '' }: { headers?: Record<string, string>; query?: string } = {},
) {
  const client = new AbortController();
  onTestFinished(() => client.abort());
  const response = await request(path + query, { headers, signal: client.signal });
  expect(response.status).toBe(200);
  const events = readEventStream(response);
  expect((await events.next()).value).toEqual({ retry: '1000' });
  return {
    response,
    disconnect: () => client.abort(),
    /** Reads the remaining events until the server ends the stream. */
    async readToEnd(): Promise<ServerSentEvent[]> {
      const remaining: ServerSentEvent[] = [];
      for await (const event of events) remaining.push(event);
      return remaining;
    },
    /** Reads events up to and including the next one with this name. */
    async readUntil(name: string): Promise<ReceivedEvent[]> {
      const received: ReceivedEvent[] = [];
      for (let next = await events.next(); !next.done; next = await events.next()) {
        const { id = '', event = '', data = '' } = next.value;
        received.push({ id, name: event, data: JSON.parse(data) as EventData });
        if (event === name) return received;
      }
      throw new Error(`The stream ended after ${received.map((event) => event.name).join(', ')}.`);
    },
  };
}

/** Appends the deltas of a reply to the text `before`, and checks their offsets. */
function appendDeltas(received: readonly ReceivedEvent[], before = ''): string {
  return received.reduce((text, { data }) => {
    if (data.text === undefined) return text;
    expect(data.offset).toBe(text.length);
    return text + data.text;
  }, before);
}

const messageEventsOf = (received: readonly ReceivedEvent[]) =>
  received.flatMap(({ name, data }) => (data.message ? [`${name} ${data.message.id}`] : []));

/** Sends a message, and reads the events of its reply, which is generated in three deltas. */
async function streamReply(fixture: ConversationFixture) {
  const reader = await openStream(fixture);
  const sent = await fixture.sendMessage('And?');
  const received: ReceivedEvent[] = [];
  for (const piece of ['One ', '\u{1F600} two ', 'three.']) {
    fixture.engine.push(delta(piece));
    received.push(...(await reader.readUntil('message.delta')));
  }
  fixture.engine.push(finish);
  received.push(...(await reader.readUntil('message.completed')));
  reader.disconnect();
  return { received, ...sent };
}

const citation: Citation = {
  passageId: createId('passage'),
  sourceId: createId('source'),
  title: 'Hours',
  url: null,
  quote: 'nine',
  start: 0,
  end: 4,
};

afterEach(() => vi.useRealTimers());

describe('the events of a conversation', () => {
  it('have exactly the documented format', async () => {
    const fixture = await openConversation();
    const { sendMessage, engine, conversationId, first, send: request, path } = fixture;
    const client = new AbortController();
    const response = await request(path, { signal: client.signal });
    expect(response.headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('Cache-Control')).toBe('private, no-store, no-transform');
    expect(response.headers.get('X-Accel-Buffering')).toBe('no');
    expect(response.headers.get('RateLimit')).not.toBeNull();
    const { messageId, replyId } = await sendMessage('And?');
    engine.push(delta('nine\n'), { type: 'citation', citation }, finish);
    let body = '';
    await expect(async () => {
      for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        body += text;
        if (/message\.completed.*\n\n$/s.test(body)) client.abort();
      }
    }).rejects.toThrow('aborted');

    const eventFields = `{"conversation_id":"${conversationId}","at":"${NOW}"`;
    const citationJson =
      '{"passage_id":null,"source_id":null,"title":"Hours","url":"","quote":"nine","start":0,"end":4}';
    const userMessageJson = `{"id":"${messageId}","role":"user","status":"completed","content":"And?","citations":[],"parent_id":"${first.replyId}","author_name":null,"is_private":false,"finish_reason":null,"follow_ups":[],"error":null,"created_at":"${NOW}","completed_at":"${NOW}"}`;
    const replyJson = `{"id":"${replyId}","role":"assistant","status":"completed","content":"nine\\n","citations":[${citationJson}],"parent_id":"${messageId}","author_name":null,"is_private":false,"finish_reason":"stop","follow_ups":[],"error":null,"created_at":"${NOW}","completed_at":"${NOW}"}`;
    const blocks = body.replaceAll(/^id: [\w-]+$/gm, 'id: …').split('\n\n');
    expect(blocks[0]).toBe('retry: 1000');
    expect(blocks[1]).toBe(`id: …\nevent: message.created\ndata: ${eventFields},"message":${userMessageJson}}`);
    expect(blocks[2]).toMatch(`id: …\nevent: message.created\ndata: ${eventFields},"message":{"id":"${replyId}"`);
    expect(blocks.slice(3)).toEqual([
      `id: …\nevent: message.delta\ndata: ${eventFields},"message_id":"${replyId}","offset":0,"text":"nine\\n"}`,
      `id: …\nevent: citation.added\ndata: ${eventFields},"message_id":"${replyId}","citation":${citationJson}}`,
      `id: …\nevent: message.completed\ndata: ${eventFields},"message":${replyJson}}`,
      '',
    ]);
  });

  it('start with a reply that is being generated', async () => {
    const fixture = await openConversation();
    const { replyId } = await fixture.sendMessage();
    fixture.engine.push(delta('Half'));
    await vi.waitFor(() => expect(fixture.deps.liveReplies.get(replyId)?.content).toBe('Half'));
    const received = await (await openStream(fixture)).readUntil('message.delta');
    expect(received.map(({ name }) => name)).toEqual(['message.created', 'message.delta']);
    expect(received[0]?.data.message).toMatchObject({ id: replyId, status: 'streaming' });
    expect(appendDeltas(received)).toBe('Half');
  });

  it('resume after any event, with the header or the parameter, without loss or duplicates', async () => {
    const fixture = await openConversation();
    const { received, replyId } = await streamReply(fixture);
    expect(received.length).toBe(6);
    for (const [index, { id }] of received.slice(0, -1).entries()) {
      const before = appendDeltas(received.slice(0, index + 1));
      for (const options of [
        { headers: { 'Last-Event-ID': id } },
        { query: `?after=${id}` },
        { headers: { 'Last-Event-ID': id }, query: `?after=${received[0]?.id}` },
      ]) {
        const reader = await openStream(fixture, options);
        const rest = await reader.readUntil('message.completed');
        reader.disconnect();
        expect(messageEventsOf(rest)).toEqual(messageEventsOf(received.slice(index + 1)));
        expect(rest.at(-1)).toEqual(received.at(-1));
        expect(appendDeltas(rest, before)).toBe(appendDeltas(received));
      }
    }
    const reader = await openStream(fixture, { headers: { 'Last-Event-ID': received.at(-1)?.id ?? '' } });
    const next = await fixture.sendMessage('Next?');
    expect(messageEventsOf(await reader.readUntil('message.created'))).toEqual([`message.created ${next.messageId}`]);
    expect(received.at(-1)?.data.message?.id).toBe(replyId);
  });

  it('resume with the cursors of GraphQL subscriptions, which accept the cursors of REST events too', async () => {
    const fixture = await openConversation();
    const { received } = await streamReply(fixture);
    const { data } = await readFirstEventOverGraphQL(fixture, received[3]?.id ?? '');
    expect(data?.conversationEvents.__typename).toBe('MessageDelta');
    const reader = await openStream(fixture, { query: `?after=${data?.conversationEvents.cursor}` });
    expect((await reader.readUntil('message.completed')).at(-1)).toEqual(received.at(-1));
  });

  it('include the end of a stopped or failed reply', async () => {
    const fixture = await openConversation();
    const reader = await openStream(fixture);
    const { replyId } = await fixture.sendMessage();
    fixture.engine.push(delta('Half'));
    await reader.readUntil('message.delta');
    await fixture.graphql('mutation ($id: ID!) { stopMessage(input: { id: $id }) { __typename } }', {
      id: replyId,
    });
    const stopped = (await reader.readUntil('message.stopped')).at(-1)?.data.message;
    expect(stopped).toMatchObject({ status: 'stopped', content: 'Half', finish_reason: 'aborted' });
    fixture.engine.fail(new Error('secret'));
    await fixture.sendMessage();
    expect((await reader.readUntil('message.failed')).at(-1)?.data.message).toMatchObject({
      status: 'failed',
      error: { code: 'ANSWER_FAILED', message: 'The answer could not be produced.' },
    });
  });

  it.each(['READ', 'CHAT'] as const)('are sent to a key with %s only, including citations', async (scope) => {
    const fixture = await openConversation();
    const key = await fixture.createKey(fixture.accountId, [scope]);
    const reader = await openStream(fixture, { headers: { Authorization: `Bearer ${key}` } });
    await fixture.sendMessage();
    fixture.engine.push(delta('nine'), { type: 'citation', citation }, finish);
    expect((await reader.readUntil('message.completed')).at(-2)?.name).toBe('citation.added');
  });

  it('end when the client disconnects', async () => {
    const fixture = await openConversation();
    const readers = [await openStream(fixture), await openStream(fixture)];
    await vi.waitFor(() => expect(fixture.deps.bus.size).toBe(2));
    for (const reader of readers) reader.disconnect();
    await vi.waitFor(() => expect(fixture.deps.bus.size).toBe(0));
  });

  it('end when the client disconnects during a write', async () => {
    const fixture = await openConversation();
    const request = get(fixture.url + fixture.path, { headers: { Authorization: `Bearer ${fixture.key}` } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    for (const side of [request, response]) side.on('error', () => {});
    await fixture.sendMessage();
    // The delta is larger than the network buffers for a client that does not read, but the gateway can buffer it.
    fixture.engine.push(delta('x'.repeat(15_000_000)));
    for (let read = ''; !read.includes('message.delta'); read += response.read() ?? '')
      await once(response, 'readable');
    request.destroy();
    await vi.waitFor(() => expect(fixture.deps.bus.size).toBe(0));
  });

  it('leave no subscription open after a HEAD request', async () => {
    const fixture = await openConversation();
    const response = await fixture.send(fixture.path, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(fixture.deps.bus.size).toBe(0);
  });

  it('end when the key is revoked', async () => {
    const fixture = await openConversation();
    const key = await fixture.createKey(fixture.accountId, ['READ', 'CHAT']);
    const { data } = await fixture.graphql<{ viewer: { apiKey: { id: string } } }>('{viewer{apiKey{id}}}', {}, key);
    const reader = await openStream(fixture, { headers: { Authorization: `Bearer ${key}` } });
    const other = await openStream(fixture);
    await fixture.graphql('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', {
      id: data.viewer.apiKey.id,
    });
    expect(await reader.readToEnd()).toEqual([]);
    expect(fixture.deps.bus.size).toBe(1);
    await fixture.sendMessage();
    expect(await other.readUntil('message.created')).toHaveLength(1);
  });

  it('reach a slow client in fewer, larger deltas, with the complete text', { timeout: 120_000 }, async () => {
    const fixture = await openConversation();
    const headers = { Authorization: `Bearer ${fixture.key}` };
    const request = get(fixture.url + fixture.path, { headers });
    onTestFinished(() => void request.destroy());
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const { replyId } = await fixture.sendMessage();
    const pieces = Array.from({ length: 750 }, (_, index) => `${index} `.padEnd(10_000, 'x'));
    for (const piece of pieces) fixture.engine.push(delta(piece));
    const fullText = pieces.join('');
    await vi.waitFor(() => expect(fixture.deps.liveReplies.get(replyId)?.content.length).toBe(fullText.length), 10_000);
    fixture.engine.push(finish);

    let text = '';
    let deltas = 0;
    for await (const { event, data = '' } of readEventStream(
      new Response(Readable.toWeb(response) as ReadableStream),
    )) {
      if (event === 'message.completed') break;
      if (event !== 'message.delta') continue;
      text += (JSON.parse(data) as EventData).text;
      deltas++;
    }
    expect(text === fullText).toBe(true);
    expect(deltas).toBeLessThan(pieces.length / 2);
  });
});

describe('a rejected stream', () => {
  const requestStream = async (
    fixture: Pick<ConversationFixture, 'send'>,
    path: string,
    headers: Record<string, string> = {},
  ) => {
    const response = await fixture.send(path, { headers });
    return [response.status, await response.text()];
  };
  const NOT_FOUND = [404, '{"detail":"Not Found"}'];
  const INVALID_CURSOR = [
    400,
    expect.stringMatching(/^\{"detail":"`after` is not a cursor.* Subscribe without `after`\."\}$/),
  ];

  it('has status 404 for an unknown conversation, or a conversation of another account', async () => {
    const fixture = await openConversation();
    const otherTenant = await fixture.createTenant();
    for (const id of [UNKNOWN_ID, '42', fixture.chatbotId]) {
      expect(await requestStream(fixture, `/v1/conversations/${id}/events`)).toEqual(NOT_FOUND);
    }
    expect(await requestStream(fixture, fixture.path, { Authorization: `Bearer ${otherTenant.key}` })).toEqual(
      NOT_FOUND,
    );
  });

  it('has status 400 for every invalid cursor, in the header or the parameter', async () => {
    const { gateway, conversationId, validCursor, invalidCursors } = await createInvalidCursors();
    const fixture = {
      path: `/v1/conversations/${conversationId}/events`,
      send: (path: string, init?: RequestInit) =>
        gateway.fetch(path, { ...init, headers: { Authorization: `Bearer ${gateway.key}`, ...init?.headers } }),
    };
    for (const [what, cursor] of Object.entries(invalidCursors)) {
      // A header contains bytes, not characters.
      const headers = { 'Last-Event-ID': Buffer.from(cursor).toString('latin1') };
      const query = `?after=${encodeURIComponent(cursor)}`;
      expect([what, await requestStream(fixture, fixture.path + query)]).toEqual([what, INVALID_CURSOR]);
      expect([what, await requestStream(fixture, fixture.path, headers)]).toEqual([what, INVALID_CURSOR]);
      // The header takes precedence.
      expect([what, await requestStream(fixture, `${fixture.path}?after=${validCursor}`, headers)]).toEqual([
        what,
        INVALID_CURSOR,
      ]);
    }
    expect(gateway.deps.bus.size).toBe(0);
    const reader = await openStream(fixture, { query: '?after=nonsense', headers: { 'Last-Event-ID': validCursor } });
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(1));
    reader.disconnect();
  });

  it('has status 401, 403, 405 and 429 like any other request', async () => {
    const fixture = await openConversation({ RATE_LIMIT_PER_MINUTE: '8' });
    const manageKey = await fixture.createKey(fixture.accountId, ['MANAGE']);
    expect(await requestStream(fixture, fixture.path, { Authorization: '' })).toEqual([
      401,
      '{"detail":"Unauthorized"}',
    ]);
    expect(await requestStream(fixture, fixture.path, { Authorization: `Bearer ${manageKey}` })).toEqual([
      403,
      '{"detail":"This credential may not do that."}',
    ]);
    const posted = await fixture.send(fixture.path, { method: 'POST' });
    expect([posted.status, posted.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
    let last = await fixture.send(fixture.path);
    for (let requestCount = 0; last.status === 200 && requestCount < 8; requestCount++) {
      await last.body?.cancel();
      last = await fixture.send(fixture.path);
    }
    expect(last.status).toBe(429);
    expect(await last.text()).toBe('{"detail":"API rate limit exceeded. Max 8 requests per minute."}');
  });
});

describe('an open stream', () => {
  /** Opens an event stream over a stub of GraphQL, which reads each event with `next`. */
  async function openStubStream(next: () => Promise<never>) {
    const reported: unknown[] = [];
    const client = new AbortController();
    const graph = { subscribe: async () => ({ next, return: async () => {} }) } as unknown as GraphClient;
    const rest = createRest({ chatTimeoutMs: 1_000, onError: (error, requestId) => reported.push(error, requestId) });
    const response = await rest.fetch(new Request(`http://localhost/v1/conversations/${UNKNOWN_ID}/events`), {
      authenticate: async () => ({ graph, accountId: '', countStream: () => {} }),
      requestId: 'r1',
      signal: client.signal,
    });
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString();
    expect(await read()).toBe('retry: 1000\n\n');
    return { read, reported, client };
  }

  it('contains a comment every 12 seconds, buffers at most one, and stops its timer when it ends', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { read, client } = await openStubStream(() => new Promise(() => {}));
    for (let beat = 0; beat < 3; beat++) {
      const next = read();
      vi.advanceTimersByTime(12_000);
      expect(await next).toBe(':\n\n');
    }
    vi.advanceTimersByTime(60_000);
    expect(await read()).toBe(':\n\n');
    const next = read();
    expect(await Promise.race([next, setImmediate('nothing')])).toBe('nothing');
    vi.advanceTimersByTime(12_000);
    expect(await next).toBe(':\n\n');
    expect(vi.getTimerCount()).toBe(1);
    client.abort();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends when the next event cannot be read, and reports the error', async () => {
    const bug = new Error('secret');
    const { read, reported } = await openStubStream(() => Promise.reject(bug));
    expect(await read()).toBe('');
    expect(reported).toEqual([bug, 'r1']);
  });
});

describe('an event', () => {
  const graphTime = '2026-03-15T10:30:00.123Z';
  const message = {
    id: '2',
    role: 'AGENT',
    status: 'COMPLETED',
    content: 'Hi',
    citations: [],
    parent: { id: '3' },
    authorName: 'Ada',
    isPrivate: false,
    finishReason: null,
    error: null,
    createdAt: graphTime,
    completedAt: graphTime,
  };
  const restMessage = {
    message: {
      id: '2',
      role: 'agent',
      status: 'completed',
      content: 'Hi',
      citations: [],
      parent_id: '3',
      author_name: 'Ada',
      is_private: false,
      finish_reason: null,
      error: null,
      created_at: NOW,
      completed_at: NOW,
    },
  };
  const citationFields = { title: 'Hours', quote: 'nine', start: 0, end: 4 };
  const conversation = {
    ...{ id: '1', sessionId: 's', channel: 'CHAT_PAGE', status: 'ESCALATED', answeredBy: 'AGENT', assignee: null },
    ...{ silentUntil: graphTime, escalatedAt: null, escalationReason: 'Why', unreadCount: 2 },
  };
  const lead = { id: '4', name: null, email: 'a@b.de', phone: null, customData: { a: 1 }, createdAt: graphTime };

  it.each([
    ['MessageCreated', 'message.created', { message }, restMessage],
    ['MessageCreated', 'message.created', { message, replaces: { id: '1' } }, { ...restMessage, replaces_id: '1' }],
    ['MessageStarted', 'message.started', { message }, restMessage],
    ['MessageCompleted', 'message.completed', { message }, restMessage],
    ['MessageFailed', 'message.failed', { message }, restMessage],
    ['MessageStopped', 'message.stopped', { message }, restMessage],
    ['MessageInterrupted', 'message.interrupted', { message }, restMessage],
    ['MessageUpdated', 'message.updated', { message }, restMessage],
    ['MessageDeleted', 'message.deleted', { messageId: '2' }, { message_id: '2' }],
    ['BranchSelected', 'branch.selected', { message }, restMessage],
    [
      'MessageDelta',
      'message.delta',
      { messageId: '2', offset: 1, text: 'i' },
      { message_id: '2', offset: 1, text: 'i' },
    ],
    [
      'CitationAdded',
      'citation.added',
      { messageId: '2', citation: { ...citationFields, passage: { id: '5' }, source: null, url: null } },
      { message_id: '2', citation: { passage_id: '5', source_id: null, ...citationFields, url: '' } },
    ],
    [
      'ConversationChanged',
      'conversation.changed',
      { conversation, changes: ['ESCALATED', 'TAKEN_OVER'], actor: 'Ada' },
      {
        ...{ changes: ['escalated', 'taken_over'], actor: 'Ada' },
        conversation: {
          ...{ id: '1', session_id: 's', channel: 'chat_page', status: 'escalated', answered_by: 'person' },
          ...{ silent_until: NOW, assignee: null, escalated_at: null, escalation_reason: 'Why', unread_count: 2 },
        },
      },
    ],
    [
      'LeadCaptured',
      'lead.captured',
      { lead },
      { lead: { id: '4', name: '', email: 'a@b.de', phone: '', custom_data: { a: 1 }, created_at: NOW } },
    ],
    [
      'TypingChanged',
      'typing.changed',
      { role: 'AGENT', isTyping: true, authorName: 'Ada' },
      { role: 'agent', is_typing: true, author_name: 'Ada' },
    ],
    ['StreamGap', 'stream.gap', { reason: 'Gone.' }, { reason: 'Gone.' }],
  ])('%s is named %s', (type, name, fields, data) => {
    const event = { __typename: type, cursor: 'c', conversationId: '1', at: graphTime, ...fields };
    expect(toEvent(event as ConversationEventsSubscription['conversationEvents'])).toEqual({
      name,
      data: { conversation_id: '1', at: NOW, ...data },
    });
  });
});

/** Reads the first event after a cursor over GraphQL. */
async function readFirstEventOverGraphQL(
  { url, key, conversationId }: RestGateway & { conversationId: string },
  after: string,
) {
  const query = `subscription ($conversationId: ID!, $after: String) {
    conversationEvents(conversationId: $conversationId, after: $after) { __typename cursor }
  }`;
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream', Authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables: { conversationId, after } }),
  });
  for await (const { event, data = '' } of readEventStream(response)) {
    if (event !== 'next' || data.includes('StreamReady')) continue;
    return JSON.parse(data) as { data?: { conversationEvents: { __typename: string; cursor: string } } };
  }
  throw new Error('The stream has no event.');
}
