import { describe, expect, it } from 'vitest';
import type { JsonText } from '../../src/domain/json.ts';
import { findWebhookEvents } from '../../src/store/webhooks/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { startWebhookGateway } from '../helpers/webhooks/gateway.ts';
import { subscribe, writeEvent } from '../helpers/webhooks/webhooks.ts';
import { runAsOtherAccount, textOf } from '../schema/support.ts';

const DRY_RUN = `query ($document: String, $eventId: ID, $sample: WebhookEvent) {
  dryRunWebhook(document: $document, eventId: $eventId, sample: $sample) { payload payloadProblem }
}`;

async function dryRun(gateway: TestGateway, variables: object) {
  const { data } = await gateway.graphql<{ dryRunWebhook: { payload: string; payloadProblem: string | null } }>(
    DRY_RUN,
    variables,
  );
  return data.dryRunWebhook;
}

describe('dryRunWebhook', () => {
  it('returns the body of a stored event, with a document or without', async () => {
    const gateway = await startWebhookGateway();
    await subscribe(gateway, { events: ['MESSAGE_RECEIVED'] });
    const chatbotId = await createChatbot(gateway);
    await send(gateway, { chatbotId, content: 'Hello' });
    const { read } = gateway.deps.db;
    const [row] = await read.selectFrom('webhook_events').select('id').execute();
    const [event] = await findWebhookEvents(read, gateway.accountId, [row?.id ?? '']);
    const document = 'subscription { event { id ... on MessageReceivedEvent { message { content } } } }';
    const chosen = await dryRun(gateway, { document, eventId: event?.id });
    expect(JSON.parse(chosen.payload)).toEqual({
      event: 'message.received',
      chatbot_id: chatbotId,
      timestamp: event?.at,
      data: { event: { id: event?.id, message: { content: 'Hello' } } },
    });
    const usual = await dryRun(gateway, { eventId: event?.id });
    expect(JSON.parse(usual.payload)).toMatchObject({ data: { message: 'Hello' } });
    expect([chosen.payloadProblem, usual.payloadProblem]).toEqual([null, null]);
  });

  it('returns null for what no longer exists', async () => {
    const gateway = await startWebhookGateway();
    const document = 'subscription { event { ... on ConversationStartedEvent { conversation { id } } } }';
    const event = await writeEvent(gateway, { name: 'CONVERSATION_STARTED', conversationId: gateway.accountId });
    const { payload } = await dryRun(gateway, { document, eventId: event.id });
    expect(JSON.parse(payload).data).toEqual({ event: { conversation: null } });
  });

  it('masks an internal error, and logs it', async () => {
    const gateway = await startWebhookGateway();
    const { id: eventId } = await writeEvent(gateway, { data: 'a secret of ours' as JsonText });
    const { payloadProblem } = await dryRun(gateway, { document: 'subscription { event { data } }', eventId });
    expect(payloadProblem).toBe('Something went wrong at event.data.');
    const logged = gateway.logs.filter(({ msg }) => msg === 'cannot execute a webhook document');
    expect(logged).toMatchObject([{ event: eventId, err: { message: expect.stringContaining('JSON') } }]);
  });

  it('returns the body of a sample of every event', async () => {
    const gateway = await startWebhookGateway();
    const { data } = await gateway.graphql<{ webhookEvents: { event: string; sample: { data: object } }[] }>(
      '{ webhookEvents { event sample } }',
    );
    for (const { event, sample } of data.webhookEvents) {
      const document = 'subscription { event { __typename name data } }';
      const { payload, payloadProblem } = await dryRun(gateway, { document, sample: event });
      expect(payloadProblem).toBeNull();
      expect(JSON.parse(payload)).toEqual({
        ...sample,
        data: { event: { __typename: expect.stringMatching(/Event$/), name: event, data: sample.data } },
      });
    }
  });

  it('rejects a document that could not be saved, and input without exactly one event', async () => {
    const gateway = await startWebhookGateway();
    const sample = 'LEAD_CAPTURED';
    const asked = [
      {},
      { sample, eventId: gateway.accountId },
      { sample, document: '{ viewer { kind } }' },
      { sample, document: textOf(10_001) },
    ];
    for (const variables of asked) {
      const { errors } = await gateway.graphql(DRY_RUN, variables);
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });

  it('finds no event of another account', async () => {
    const gateway = await startWebhookGateway();
    const { id } = await writeEvent(gateway);
    const query = 'query ($id: ID!) { dryRunWebhook(eventId: $id) { payload } }';
    for (const answer of await runAsOtherAccount(gateway, { query, id, kind: 'webhookEvent' })) {
      expect(answer).toMatchObject({ data: { dryRunWebhook: null } });
    }
  });
});
