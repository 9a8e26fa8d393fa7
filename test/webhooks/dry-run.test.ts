import { describe, expect, it } from 'vitest';
import type { JsonText } from '../../src/domain/json.ts';
import { findWebhookEvents } from '../../src/store/webhooks/events.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { startWebhookGateway } from '../helpers/webhooks/gateway.ts';
import { storeEvent, subscribe } from '../helpers/webhooks/webhooks.ts';
import { textOfLength } from '../schema/support.ts';

const DRY_RUN = `query ($document: String, $eventId: ID, $sample: WebhookEventType) {
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
    const document = 'subscription { event { id ... on MessageReceivedWebhook { message { content } } } }';
    const withDocument = await dryRun(gateway, { document, eventId: event?.id });
    expect(JSON.parse(withDocument.payload)).toEqual({
      event: 'message.received',
      chatbot_id: chatbotId,
      timestamp: event?.at,
      data: { event: { id: event?.id, message: { content: 'Hello' } } },
    });
    const withoutDocument = await dryRun(gateway, { eventId: event?.id });
    expect(JSON.parse(withoutDocument.payload)).toMatchObject({ data: { message: 'Hello' } });
    expect([withDocument.payloadProblem, withoutDocument.payloadProblem]).toEqual([null, null]);
  });

  it('returns null for an object that no longer exists', async () => {
    const gateway = await startWebhookGateway();
    const document = 'subscription { event { ... on ConversationStartedWebhook { conversation { id } } } }';
    const event = await storeEvent(gateway, { name: 'CONVERSATION_STARTED', conversationId: gateway.accountId });
    const { payload } = await dryRun(gateway, { document, eventId: event.id });
    expect(JSON.parse(payload).data).toEqual({ event: { conversation: null } });
  });

  it('masks an internal error, and logs it', async () => {
    const gateway = await startWebhookGateway();
    const { id: eventId } = await storeEvent(gateway, { data: 'text that is not JSON' as JsonText });
    const { payloadProblem } = await dryRun(gateway, { document: 'subscription { event { data } }', eventId });
    expect(payloadProblem).toBe('Internal error at event.data.');
    const logged = gateway.logs.filter(({ msg }) => msg === 'cannot execute a webhook document');
    expect(logged).toMatchObject([{ event: eventId, err: { message: expect.stringContaining('JSON') } }]);
  });

  it('returns the body of a sample of every event', async () => {
    const gateway = await startWebhookGateway();
    const { data } = await gateway.graphql<{ webhookEvents: { event: string; sample: { data: object } }[] }>(
      '{ webhookEvents { event sample } }',
    );
    for (const { event, sample } of data.webhookEvents) {
      const document = 'subscription { event { __typename type data } }';
      const { payload, payloadProblem } = await dryRun(gateway, { document, sample: event });
      expect(payloadProblem).toBeNull();
      expect(JSON.parse(payload)).toEqual({
        ...sample,
        data: { event: { __typename: expect.stringMatching(/Webhook$/), type: event, data: sample.data } },
      });
    }
  });

  it('rejects an invalid document, and input that names no event or two events', async () => {
    const gateway = await startWebhookGateway();
    const sample = 'LEAD_CAPTURED';
    const invalidVariables = [
      {},
      { sample, eventId: gateway.accountId },
      { sample, document: '{ viewer { kind } }' },
      { sample, document: textOfLength(10_001) },
    ];
    for (const variables of invalidVariables) {
      const { errors } = await gateway.graphql(DRY_RUN, variables);
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });
});
