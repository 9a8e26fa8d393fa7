import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { relayStylePagination } from '@apollo/client/utilities';
import { createClient as createWsClient } from 'graphql-ws';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import possibleTypes from '../../schema/possible-types.json' with { type: 'json' };
import { createChatbot, send } from '../helpers/chatbots.ts';
import { citationEvent, startGatewayWithOpenReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { openGateway } from './support.ts';

/** Creates an Apollo Client as docs/graphql.md describes it. The test fails if the client logs a warning. */
function createClient({ url, key }: TestGateway) {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const error = vi.spyOn(console, 'error').mockReturnValue();
  const client = new ApolloClient({
    link: new HttpLink({ uri: `${url}/graphql`, headers: { authorization: `Bearer ${key}` } }),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: { Query: { fields: { conversations: relayStylePagination(['filter', 'orderBy']) } } },
    }),
  });
  onTestFinished(() => {
    client.stop();
    expect([...warn.mock.calls, ...error.mock.calls]).toEqual([]);
    vi.restoreAllMocks();
  });
  return client;
}

/** Runs two queries that select different fields of the same object; returns the first from the cache alone. */
async function readFirstAfterSecond(gateway: TestGateway, first: string, second: string) {
  const client = createClient(gateway);
  const query = gql(first);
  const { data } = await client.query({ query });
  await client.query({ query: gql(second) });
  const cached = await client.query({ query, fetchPolicy: 'cache-only' });
  expect(cached.data).toEqual(data);
  return data as Record<string, unknown>;
}

/** Reads the ids of the first `count` citations that a stream of the reply adds. */
async function readStreamedCitations({ url, key }: TestGateway, replyId: string, count: number): Promise<string[]> {
  const client = createWsClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { 'x-api-key': key },
  });
  const query = `subscription { messageStream(messageId: "${replyId}") { ... on CitationAdded { citation { id } } } }`;
  const ids: string[] = [];
  for await (const { data } of client.iterate<{ messageStream: { citation?: { id: string } } }>({ query })) {
    ids.push(...(data?.messageStream.citation ? [data.messageStream.citation.id] : []));
    if (ids.length === count) break;
  }
  await client.dispose();
  return ids;
}

describe('the cache of Apollo Client', () => {
  it('merges the fields of a viewer that two queries select', async () => {
    const gateway = await openGateway();
    const data = await readFirstAfterSecond(gateway, '{ viewer { id kind } }', '{ viewer { id scopes } }');
    expect(data).toMatchObject({ viewer: { kind: 'API_KEY' } });
  });

  it('merges the fields of the same usage, and keeps other usage apart', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const usage = (args: string, fields: string) => `{ viewer { id account { id usage${args} { id ${fields} } } } }`;
    await readFirstAfterSecond(gateway, usage('(month: "2026-02")', 'messages'), usage('(month: "2026-02")', 'limit'));
    const days = 'from: "2026-02-01", to: "2026-02-02"';
    const selections = [
      '',
      '(month: "2026-02")',
      '(month: "2026-01")',
      `(${days})`,
      `(${days}, timeZone: "Europe/Berlin")`,
      `(${days}, chatbotId: "${chatbotId}")`,
      `(${days}, chatbotId: "${chatbotId}", visitor: "ada")`,
    ];
    const ids = await Promise.all(
      selections.map(async (args) => {
        const { data } = await gateway.graphql<{ viewer: { account: { usage: { id: string } } } }>(
          usage(args, 'limit'),
        );
        return data.viewer.account.usage.id;
      }),
    );
    expect(new Set(ids).size).toBe(selections.length);
  });

  it('merges the fields of a citation, which has the same id in a stream', async () => {
    const { gateway, engine, replyId } = await startGatewayWithOpenReply();
    engine.push(delta('It is so.'), citationEvent('One', 9), citationEvent('Two', 9));
    const streamed = await readStreamedCitations(gateway, replyId, 2);
    engine.push(finish);
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    const citations = (fields: string) => `{ message(id: "${replyId}") { id citations { id ${fields} } } }`;
    const data = await readFirstAfterSecond(gateway, citations('title'), citations('quote start end'));
    const { message } = data as { message: { citations: { id: string; title: string }[] } };
    expect(message.citations.map(({ title }) => title)).toEqual(['One', 'Two']);
    expect(streamed).toEqual(message.citations.map(({ id }) => id));
  });

  it('appends pages of edges with relayStylePagination', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    for (const sessionId of ['a', 'b', 'c']) await send(gateway, { chatbotId, sessionId, content: 'Well?' });
    const client = createClient(gateway);
    const query = gql`query ($after: String) {
      conversations(first: 2, after: $after, orderBy: { field: CREATED_AT, direction: ASC }) {
        edges { cursor node { id sessionId } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }`;
    interface Page {
      conversations: { edges: { node: { sessionId: string } }[]; pageInfo: { endCursor: string } };
    }
    const list = client.watchQuery<Page>({ query });
    const subscription = list.subscribe(() => {});
    const { data } = await client.query<Page>({ query });
    await list.fetchMore({ variables: { after: data?.conversations.pageInfo.endCursor } });
    const merged = await client.query<Page>({ query, fetchPolicy: 'cache-only' });
    expect(merged.data?.conversations.edges.map(({ node }) => node.sessionId)).toEqual(['a', 'b', 'c']);
    subscription.unsubscribe();
  });
});
