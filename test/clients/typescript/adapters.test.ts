import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { Client, cacheExchange } from '@urql/core';
import { Environment, RecordSource, Store } from 'relay-runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pipe, subscribe } from 'wonka';
import { createChatGraphLink } from '../../../clients/typescript/src/apollo.ts';
import type { ChatGraph } from '../../../clients/typescript/src/chatgraph.ts';
import { createChatGraphNetwork } from '../../../clients/typescript/src/relay.ts';
import { createChatGraphExchange } from '../../../clients/typescript/src/urql.ts';
import possibleTypes from '../../../schema/possible-types.json' with { type: 'json' };
import { send } from '../../helpers/chatbots.ts';
import { citationEvent } from '../../helpers/conversations.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openSharedScriptedGateway } from '../../helpers/shared-gateway.ts';
import { connectClient } from './support.ts';

const CUTS = 21;
const WAIT = { timeout: 20_000 };

const EVENTS = `subscription Events($conversationId: ID!, $after: String) {
  event: conversationEvents(conversationId: $conversationId, after: $after) {
    __typename
    cursor
    ... on MessageDelta { messageId offset text }
    ... on CitationAdded { messageId citation { id quote } }
    ... on MessageCompleted { message { id content citations { id title } } }
  }
}`;

const MESSAGES = `query Messages($id: ID!) {
  conversation(id: $id) { id messages(first: 10) { nodes { id content citations { id title } } } }
}`;

interface Event {
  readonly __typename: string;
  readonly cursor: string;
  readonly text?: string;
  readonly message?: { readonly content: string; readonly citations: readonly object[] };
}

interface Message {
  readonly content: string;
  readonly citations: readonly object[];
}

/** A GraphQL client that uses the link, exchange or network. */
interface AdaptedClient {
  follow(conversationId: string, onEvent: (event: Event) => void): () => void;
  readMessages(conversationId: string): Promise<readonly Message[]>;
}

type MessagesData = { conversation: { messages: { nodes: readonly Message[] } } };

function createApollo(chat: ChatGraph): AdaptedClient {
  // Events have no id, and no event is part of another one.
  const typePolicies = { Subscription: { fields: { conversationEvents: { merge: false } } } };
  const cache = new InMemoryCache({ possibleTypes, typePolicies });
  const client = new ApolloClient({ link: createChatGraphLink(chat), cache });
  return {
    follow(conversationId, onEvent) {
      const events = client.subscribe<{ event: Event }>({ query: gql(EVENTS), variables: { conversationId } });
      const subscription = events.subscribe(({ data }) => data && onEvent(data.event));
      return () => subscription.unsubscribe();
    },
    async readMessages(id) {
      const { data } = await client.query<MessagesData>({ query: gql(MESSAGES), variables: { id } });
      return data?.conversation.messages.nodes ?? [];
    },
  };
}

function createUrql(chat: ChatGraph): AdaptedClient {
  const exchanges = [cacheExchange, createChatGraphExchange(chat)];
  const client = new Client({ url: 'http://gateway', exchanges, preferGetMethod: false });
  return {
    follow(conversationId, onEvent) {
      const { unsubscribe } = pipe(
        client.subscription<{ event: Event }>(EVENTS, { conversationId }),
        subscribe(({ data }) => data && onEvent(data.event)),
      );
      return unsubscribe;
    },
    async readMessages(id) {
      const { data } = await client.query<MessagesData>(MESSAGES, { id }).toPromise();
      return data?.conversation.messages.nodes ?? [];
    },
  };
}

function createRelay(chat: ChatGraph): AdaptedClient {
  const network = createChatGraphNetwork(chat);
  new Environment({ network, store: new Store(new RecordSource()) });
  const execute = (name: string, operationKind: 'query' | 'subscription', text: string, variables: object) =>
    network.execute(
      { name, operationKind, text, id: null, cacheID: name, metadata: {} } as never,
      { ...variables },
      { force: true },
    );
  return {
    follow(conversationId, onEvent) {
      const { unsubscribe } = execute('Events', 'subscription', EVENTS, { conversationId }).subscribe({
        next: (result) => onEvent((result as { data: { event: Event } }).data.event),
      });
      return unsubscribe;
    },
    async readMessages(id) {
      const result = await execute('Messages', 'query', MESSAGES, { id }).toPromise();
      return (result as unknown as { data: MessagesData }).data.conversation.messages.nodes;
    },
  };
}

describe.each([
  ['the link of Apollo Client', createApollo],
  ['the exchange of urql', createUrql],
  ['the network of Relay', createRelay],
])('%s', (_name, createAdapted) => {
  it(`replays and loses nothing in ${CUTS} cuts, and counts the citations right`, async () => {
    const { gateway, engine } = await openSharedScriptedGateway();
    const { chat, chatbot, cut } = await connectClient(gateway);
    const client = createAdapted(chat);
    const { conversationId } = await send(gateway, { chatbotId: chatbot, content: 'Well?' });
    const events: Event[] = [];
    onTestFinished(client.follow(conversationId, (event) => events.push(event)));
    await expect.poll(() => events.map(({ __typename }) => __typename), WAIT).toContain('StreamReady');
    const texts = () => events.map(({ text = '' }) => text).join('');
    const count = (type: string) => events.filter(({ __typename }) => __typename === type).length;

    let expected = '';
    for (let number = 1; number <= CUTS; number++) {
      engine.push(delta(`${number} `), citationEvent(`Source ${number}`, expected.length));
      expected += `${number} `;
      // Every other cut comes while the events are on their way.
      if (number % 2 === 0) cut();
      await expect.poll(() => [texts(), count('CitationAdded')], WAIT).toEqual([expected, number]);
      if (number % 2 === 1) cut();
    }
    engine.push(finish);
    await expect.poll(() => count('MessageCompleted'), WAIT).toBe(1);
    expect(events.at(-1)?.message).toMatchObject({ content: expected });
    expect(events.at(-1)?.message?.citations).toHaveLength(CUTS);
    expect(count('StreamReady')).toBe(1);
    expect(new Set(events.map(({ cursor }) => cursor)).size).toBe(events.length);
    const [, reply] = await client.readMessages(conversationId);
    expect(reply).toMatchObject({ content: expected });
    expect(reply?.citations).toHaveLength(CUTS);
  });
});
