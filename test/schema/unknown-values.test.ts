import { getNamedType, isEnumType, isObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { SUBSTITUTES } from '../../schema/unknown-values.ts';
import type { Tables } from '../../src/store/tables.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { GatewayOptions, TestGateway } from '../helpers/gateway.ts';
import { errorCodesOf } from '../helpers/sockets.ts';
import { webSocket } from '../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate, openGateway } from './support.ts';

/** Stores values in a row, as a newer gateway on the same database could. */
const store = ({ deps }: TestGateway, table: keyof Tables, id: string, values: object) =>
  deps.db.transaction((trx) =>
    trx
      .updateTable(table as 'messages')
      .set(values)
      .where('id', '=', id)
      .execute(),
  );

/** Opens an account with a conversation whose reply is complete. */
async function openWithReply(options?: GatewayOptions) {
  const gateway = await openGateway(options);
  const chatbotId = await createChatbot(gateway, { sources: ['The tower is tall.'] });
  const sent = await send(gateway, { chatbotId, content: 'How tall is the tower?' });
  await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
  return { gateway, chatbotId, ...sent };
}

describe('a stored value that only a newer gateway knows', () => {
  it('is null or has a substitute in messages, and leaves the others as they are', async () => {
    const { gateway, conversationId, messageId, replyId } = await openWithReply();
    const error = JSON.stringify({ code: 'OVER_BUDGET', message: 'The budget is used up.' });
    const values = { status: 'MODERATED', finish_reason: 'BUDGET', outcome: 'PARTIAL', rating: 'HEART', error };
    await store(gateway, 'messages', replyId, values);
    await store(gateway, 'messages', messageId, { role: 'TOOL' });
    const query = `query ($id: ID!) { conversation(id: $id) { messages { nodes {
      role status finishReason outcome rating error { code message }
    } } } }`;
    const none = { finishReason: null, outcome: null, rating: null };
    expect((await gateway.graphql(query, { id: conversationId })).data).toEqual({
      conversation: {
        messages: {
          nodes: [
            { role: 'SYSTEM', status: 'COMPLETED', ...none, error: null },
            {
              ...{ role: 'ASSISTANT', status: 'INTERRUPTED', ...none },
              error: { code: 'ANSWER_FAILED', message: 'The budget is used up.' },
            },
          ],
        },
      },
    });
  });

  it('has a substitute in conversations, and is missing in lists', async () => {
    const { gateway, chatbotId, conversationId } = await openWithReply();
    await mutate(gateway, 'assignConversation', { id: conversationId, assignee: 'Ada' });
    const { read } = gateway.deps.db;
    const activities = read.selectFrom('conversation_activities').select('id');
    const { id } = await activities.where('conversation_id', '=', conversationId).executeTakeFirstOrThrow();
    await store(gateway, 'conversation_activities', id, { changes: '["MERGED","ASSIGNED"]' });
    const values = { status: 'PARKED', priority: 'CRITICAL', channel: 'WIDGET' };
    await store(gateway, 'conversations', conversationId, values);
    const answering = { grounding: 'HYBRID', tools: ['BOOK_A_TABLE', 'CAPTURE_LEAD'], fallbackModels: [] };
    await store(gateway, 'chatbots', chatbotId, { answering: JSON.stringify(answering) });
    const { data } = await gateway.graphql(
      `query ($id: ID!) { conversation(id: $id) {
        status priority channel activities { nodes { changes } } chatbot { answering { grounding tools } }
      } }`,
      { id: conversationId },
    );
    expect(data).toEqual({
      conversation: {
        ...{ status: 'OPEN', priority: 'NORMAL', channel: 'API', activities: { nodes: [{ changes: ['ASSIGNED'] }] } },
        chatbot: { answering: { grounding: 'STRICT', tools: ['CAPTURE_LEAD'] } },
      },
    });
    // The chatbot still answers, and what the newer gateway has stored is kept.
    const { replyId } = await send(gateway, { chatbotId, content: 'How tall is the tower?' });
    const reader = webSocket.subscribe(gateway, { messageId: replyId });
    await reader.ended;
    expect(reader.events.at(-1)).toMatchObject({ __typename: 'MessageCompleted' });
    const stored = await read.selectFrom('conversations').select('priority').where('id', '=', conversationId).execute();
    expect(stored).toEqual([{ priority: 'CRITICAL' }]);
  });

  it('has a substitute in sources and webhooks', async () => {
    const { gateway, chatbotId } = await openWithReply({ env: { SECRET_KEY } });
    const sources = gateway.deps.db.read.selectFrom('sources').select('id').where('chatbot_id', '=', chatbotId);
    await store(gateway, 'sources', (await sources.executeTakeFirstOrThrow()).id, { type: 'VIDEO', status: 'READING' });
    const { id } = await subscribe(gateway);
    await store(gateway, 'webhook_deliveries', (await storeDelivery(gateway, id)).id, { status: 'HELD' });
    const values = { schedule: 'FOREVER', channels: '["WIDGET","API"]', events: '["LEAD_LOST","LEAD_CAPTURED"]' };
    await store(gateway, 'webhook_subscriptions', id, values);
    const query = `query ($id: ID!, $webhook: ID!) {
      chatbot(id: $id) { sources { nodes { type status } } }
      webhookSubscription(id: $webhook) { schedule channels events deliveries { nodes { status } } }
    }`;
    expect((await gateway.graphql(query, { id: chatbotId, webhook: id })).data).toEqual({
      chatbot: { sources: { nodes: [{ type: 'TEXT', status: 'FAILED' }] } },
      webhookSubscription: {
        ...{ schedule: 'SHORT', channels: ['API'], events: ['LEAD_CAPTURED'] },
        deliveries: { nodes: [{ status: 'PENDING' }] },
      },
    });
  });

  it('gives a key no scope, even beside two known ones', async () => {
    const gateway = await openGateway();
    const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const keys = gateway.deps.db.read.selectFrom('api_keys').select('id').where('account_id', '=', gateway.accountId);
    const { id } = await keys.where('prefix', '=', key.slice(0, 8)).executeTakeFirstOrThrow();
    await store(gateway, 'api_keys', id, { scopes: '["READ","CHAT","BILL"]' });
    expect((await gateway.graphql('{ viewer { scopes } }', {}, key)).data).toEqual({
      viewer: { scopes: ['READ', 'CHAT'] },
    });
    expect(errorCodesOf(await gateway.graphql('{ webhookEvents { event } }', {}, key))).toEqual(['FORBIDDEN']);
  });

  it('is skipped as the type of an event in a stream', async () => {
    const { gateway, conversationId, chatbotId, replyId } = await openWithReply();
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('conversation_events')
        .set({ type: 'MessagePinned' as 'MessageCreated' })
        .where('conversation_id', '=', conversationId)
        .where('number', '<=', 2)
        .execute(),
    );
    const { cursors } = gateway.deps;
    const after = cursors.forStream('conversation', gateway.accountId, conversationId).write('0___0');
    const inboxAfter = cursors.forStream('chatbot', gateway.accountId, chatbotId).write('0_');
    for (const options of [
      { conversationId, after },
      { chatbotId, after: inboxAfter },
    ]) {
      const reader = webSocket.subscribe(gateway, options);
      await reader.until(({ __typename, message }) => __typename === 'MessageCompleted' && message?.id === replyId);
      expect([reader.errors, reader.events.map(({ __typename }) => __typename)]).toEqual([
        [],
        expect.not.arrayContaining(['MessagePinned']),
      ]);
      reader.unsubscribe();
    }
  });

  it('is the name of an event in the body of a webhook, which a document does not select', async () => {
    const gateway = await openGateway();
    const { id } = await storeEvent(gateway, { name: 'LEAD_LOST' as 'LEAD_CAPTURED' });
    const query = `query ($id: ID!, $document: String) { dryRunWebhook(eventId: $id, document: $document) {
      payload payloadProblem
    } }`;
    for (const document of [null, 'subscription { event { id } }']) {
      const { data } = await gateway.graphql<{ dryRunWebhook: { payload: string; payloadProblem: string | null } }>(
        query,
        { id, document },
      );
      expect(JSON.parse(data.dryRunWebhook.payload)).toMatchObject({ event: 'lead.lost', data: {} });
      expect(data.dryRunWebhook.payloadProblem === null).toBe(document === null);
    }
  });
});

it('covers every enum of an output field whose values are stored', () => {
  const fields = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap((type) => Object.values(type.getFields()));
  const enums = fields.map(({ type }) => getNamedType(type)).filter(isEnumType);
  const names = new Set(enums.map(({ name }) => name).filter((name) => !name.startsWith('__')));
  const notStored = ['Answerer', 'ErrorCode', 'ProviderKeySource', 'Scope', 'TypingRole', 'ViewerKind'];
  expect([...names].sort()).toEqual([...Object.keys(SUBSTITUTES), ...notStored].sort());
});
