import { describe, expect, it, vi } from 'vitest';
import { deliveriesTopic } from '../../src/coordination/topics.ts';
import { createId } from '../../src/domain/ids.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { GatewayOptions, TestGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate, openGateway } from '../schema/support.ts';

interface CreatedKey {
  readonly apiKey: { readonly id: string; readonly chatbots: { id: string }[] | null };
  readonly key: string;
}

const createKey = (gateway: TestGateway, input: object, key = gateway.key) =>
  mutate<CreatedKey>(
    gateway,
    'createApiKey',
    { name: 'Restricted', ...input },
    { selection: 'apiKey { id chatbots { id } } key', key },
  );

/** Opens a gateway with two chatbots, and a key that is restricted to the first. */
async function openRestricted(options?: GatewayOptions) {
  const gateway = await openGateway(options);
  const [own, other] = [await createChatbot(gateway), await createChatbot(gateway, { name: 'Other' })];
  const { key, apiKey } = await createKey(gateway, { chatbotIds: [own, own.toUpperCase()] });
  expect(apiKey.chatbots).toEqual([{ id: own }]);
  return { gateway, own, other, key, apiKey };
}

describe('a key that is restricted to chatbots', () => {
  it('finds no other chatbot by its slug, and counts none', async () => {
    const { gateway, own, other, key } = await openRestricted();
    const query = `query ($slug: String!) { chatbot(slug: $slug) { id } chatbots { totalCount nodes { id } } }`;
    const slugOf = async (id: string) => {
      const { data } = await gateway.graphql<{ chatbot: { slug: string } }>(`{ chatbot(id: "${id}") { slug } }`);
      return data.chatbot.slug;
    };
    const chatbots = { totalCount: 1, nodes: [{ id: own }] };
    const readBy = async (id: string) => (await gateway.graphql(query, { slug: await slugOf(id) }, key)).data;
    expect(await readBy(other)).toEqual({ chatbot: null, chatbots });
    expect(await readBy(own)).toEqual({ chatbot: { id: own }, chatbots });
  });

  it('pages through its chatbots in both directions', async () => {
    const gateway = await openGateway();
    const ids = [await createChatbot(gateway), await createChatbot(gateway), await createChatbot(gateway)];
    await createChatbot(gateway);
    const { key } = await createKey(gateway, { chatbotIds: ids });
    const read = async (args: string) => {
      const page = await gateway.graphql<{
        chatbots: {
          nodes: { id: string }[];
          pageInfo: { endCursor: string; startCursor: string; hasNextPage: boolean };
        };
      }>(`{ chatbots(${args}) { nodes { id } pageInfo { startCursor endCursor hasNextPage } } }`, {}, key);
      return page.data.chatbots;
    };
    const first = await read('first: 2');
    expect([first.nodes.map(({ id }) => id), first.pageInfo.hasNextPage]).toEqual([ids.slice(0, 2), true]);
    expect((await read(`first: 2, after: "${first.pageInfo.endCursor}"`)).nodes).toEqual([{ id: ids[2] }]);
    expect((await read('last: 2')).nodes).toEqual(ids.slice(1).map((id) => ({ id })));
  });

  it('receives the events of its chatbots only', async () => {
    const { gateway, own, other, key } = await openRestricted();
    const reader = webSocket.subscribe(gateway, { chatbotIds: null, key });
    await reader.ready;
    await send(gateway, { chatbotId: other, content: 'Hidden' });
    const { conversationId } = await send(gateway, { chatbotId: own, content: 'Shown' });
    await reader.until(({ message }) => message?.content === 'Shown');
    reader.unsubscribe();
    expect(new Set(reader.events.map((event) => event.conversationId))).toEqual(new Set([conversationId]));
  });

  it('shares no results with an unrestricted key that runs the same subscription', async () => {
    const { gateway, own, other, key } = await openRestricted();
    const [all, some] = [
      webSocket.subscribe(gateway, { chatbotIds: null }),
      webSocket.subscribe(gateway, { chatbotIds: null, key }),
    ];
    await Promise.all([all.ready, some.ready]);
    await send(gateway, { chatbotId: other, content: 'Hidden' });
    await send(gateway, { chatbotId: own, content: 'Shown' });
    for (const reader of [all, some]) await reader.until(({ message }) => message?.content === 'Shown');
    const contents = (reader: typeof all) => reader.events.map(({ message }) => message?.content);
    expect(contents(all)).toContain('Hidden');
    expect(contents(some)).not.toContain('Hidden');
    all.unsubscribe();
    some.unsubscribe();
  });

  it('subscribes webhooks to its chatbots only, and sees only those subscriptions', async () => {
    const { gateway, own, other, key } = await openRestricted({ env: { SECRET_KEY } });
    const unnamed = await mutate(
      gateway,
      'createWebhookSubscription',
      { url: 'https://hooks.example.com', events: ['LEAD_CAPTURED'] },
      { key },
    );
    expect(unnamed).toMatchObject({ fields: [{ path: ['chatbotId'] }] });
    const [shown] = [
      await subscribe(gateway, { chatbotId: own }, key),
      await subscribe(gateway, { chatbotId: other }),
      await subscribe(gateway),
    ];
    const { data } = await gateway.graphql('{ webhookSubscriptions { totalCount nodes { id } } }', {}, key);
    expect(data).toEqual({ webhookSubscriptions: { totalCount: 1, nodes: [{ id: shown?.id }] } });
  });

  it('sees the events and the deliveries of its webhooks only', async () => {
    const { gateway, own, other, key } = await openRestricted({ env: { SECRET_KEY } });
    const [shown, hidden] = [await subscribe(gateway, { chatbotId: own }), await subscribe(gateway)];
    const events = [await storeEvent(gateway, { chatbotId: own }), await storeEvent(gateway, { chatbotId: other })];
    const dryRun = async (eventId: string) => {
      const query = 'query ($eventId: ID!) { dryRunWebhook(eventId: $eventId) { payload } }';
      return (await gateway.graphql(query, { eventId }, key)).data;
    };
    expect(await dryRun(events[0]?.id ?? '')).toEqual({ dryRunWebhook: { payload: expect.any(String) } });
    expect(await dryRun(events[1]?.id ?? '')).toEqual({ dryRunWebhook: null });
    const { bus } = gateway.deps;
    const subscribers = bus.size;
    const reader = webSocket.subscribe(gateway, { subscriptionId: null, key });
    await vi.waitFor(() => expect(bus.size).toBeGreaterThan(subscribers));
    await storeDelivery(gateway, hidden.id);
    const delivery = await storeDelivery(gateway, shown.id);
    bus.publish(deliveriesTopic(gateway.accountId));
    await reader.until(({ id }) => id === delivery.id);
    expect(reader.events.map(({ id }) => id)).toEqual([delivery.id]);
    reader.unsubscribe();
  });

  it('uses the REST API for its chatbots only', async () => {
    const { gateway, own, other, key } = await openRestricted();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const list = (await (await gateway.fetch('/v1/chatbots', { headers })).json()) as { id: string }[];
    expect(list.map(({ id }) => id)).toEqual([own]);
    const chat = async (id: string) => {
      const body = JSON.stringify({ message: 'Hello', session_id: 'a' });
      const response = await gateway.fetch(`/v1/chatbots/${id}/chat`, { method: 'POST', headers, body });
      return [response.status, response.status === 200 ? null : await response.json()];
    };
    expect(await chat(other)).toEqual(await chat(createId('chatbot')));
    expect(await chat(own)).toEqual([200, null]);
  });

  it('counts the usage of its chatbots only', async () => {
    const { gateway, own, other, key } = await openRestricted();
    for (const chatbotId of [own, other, other]) {
      const { replyId } = await send(gateway, { chatbotId, content: 'Hello' });
      await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    }
    const query = '{ viewer { account { usage { messages warnings { percent } top { key apiKey { id } } } } } }';
    const read = async (given: string) => {
      const { data } = await gateway.graphql<{ viewer: { account: { usage: object } } }>(query, {}, given);
      return data.viewer.account.usage;
    };
    expect(await read(key)).toEqual({ messages: 1, warnings: [], top: [{ key: own, apiKey: null }] });
    expect(await read(gateway.key)).toMatchObject({ messages: 3 });
  });

  it('creates only keys that are restricted to its chatbots, and sees and revokes no other keys', async () => {
    const { gateway, own, other, key, apiKey } = await openRestricted();
    const foreign = await mutate(gateway, 'createApiKey', { name: 'More', chatbotIds: [own, other] }, { key });
    expect(foreign).toMatchObject({ fields: [{ path: ['chatbotIds'], message: 'Must be ids of chatbots.' }] });
    const child = await createKey(gateway, {}, key);
    expect(child.apiKey.chatbots).toEqual([{ id: own }]);
    const query = '{ viewer { account { apiKeys { id } } apiKey { id } } }';
    const { data } = await gateway.graphql<{ viewer: object }>(query, {}, key);
    expect(data.viewer).toEqual({
      account: { apiKeys: [{ id: child.apiKey.id }, apiKey].map(({ id }) => ({ id })) },
      apiKey: { id: apiKey.id },
    });
    const main = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{ viewer { apiKey { id } } }');
    const revoked = await mutate(gateway, 'revokeApiKey', { id: main.data.viewer.apiKey.id }, { key });
    expect(revoked).toMatchObject({ __typename: 'NotFoundError' });
  });

  it('stays restricted when its chatbot is deleted', async () => {
    const { gateway, own, key } = await openRestricted();
    await mutate(gateway, 'deleteChatbot', { id: own }, { key });
    const query = '{ viewer { apiKey { chatbots { id } } } chatbots { nodes { id } } conversations { nodes { id } } }';
    const { data } = await gateway.graphql(query, {}, key);
    const empty = { nodes: [] };
    expect(data).toEqual({ viewer: { apiKey: { chatbots: [] } }, chatbots: empty, conversations: empty });
  });

  it.each([[[]], [[createId('chatbot')]], [['x']], [Array.from({ length: 101 }, () => createId('chatbot'))]])(
    'is not created for the chatbots %j',
    async (chatbotIds) => {
      const gateway = await openGateway();
      const answer = await mutate(gateway, 'createApiKey', { name: 'Key', chatbotIds });
      expect(answer).toMatchObject({ __typename: 'InvalidInputError', fields: [{ path: ['chatbotIds'] }] });
    },
  );
});
