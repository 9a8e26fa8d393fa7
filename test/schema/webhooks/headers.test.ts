import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../../helpers/webhooks/webhooks.ts';
import { createKeyWith, mutate } from '../support.ts';

const openGateway = () => openSharedGateway({ env: { SECRET_KEY } });
const QUERY = 'query ($id: ID!) { node(id: $id) { ... on WebhookDelivery { payload headers } } }';
interface DeliveryData {
  readonly node: { payload: string; headers: Record<string, string> | null };
}

it('returns headers with a signature for the current time, without the custom headers', async () => {
  const gateway = await openGateway();
  const { id, secret } = await subscribe(gateway, { headers: [{ name: 'X-Token', value: 'hidden' }] });
  const delivery = await storeDelivery(gateway, id, { body: '{"a":"Åse 😀"}' });
  const { data } = await gateway.graphql<DeliveryData>(QUERY, { id: delivery.id });
  const { payload, headers } = data.node;
  expect(headers).toEqual({
    'content-type': 'application/json',
    'user-agent': 'ChatGraph-Webhooks',
    'accept-encoding': 'identity',
    'X-InsiteChat-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
    'webhook-id': delivery.eventId,
    'webhook-timestamp': expect.stringMatching(/^\d+$/),
    'webhook-signature': expect.stringMatching(/^v1,\S+$/),
  });
  expect(new Webhook(secret).verify(payload, headers ?? {})).toEqual(JSON.parse(payload));
});

it('signs with the old and the new secret after a rotation', async () => {
  const gateway = await openGateway();
  const { id, secret: oldSecret } = await subscribe(gateway);
  const { secret } = await mutate<{ secret: string }>(gateway, 'rotateWebhookSecret', { id }, { selection: 'secret' });
  const { data } = await gateway.graphql<DeliveryData>(QUERY, { id: (await storeDelivery(gateway, id)).id });
  const { payload, headers } = data.node;
  for (const signingSecret of [oldSecret, secret])
    expect(new Webhook(signingSecret).verify(payload, headers ?? {})).toEqual({});
});

it('returns no headers before there is a payload', async () => {
  const gateway = await openGateway();
  const { id } = await subscribe(gateway);
  const delivery = await storeDelivery(gateway, id, { status: 'FAILED', body: null });
  expect((await gateway.graphql<DeliveryData>(QUERY, { id: delivery.id })).data.node).toEqual({
    payload: null,
    headers: null,
  });
});

it('returns no delivery to a key without MANAGE', async () => {
  const gateway = await openGateway();
  const { id } = await subscribe(gateway);
  const delivery = await storeDelivery(gateway, id);
  const answer = await gateway.graphql(QUERY, { id: delivery.id }, await createKeyWith(gateway, 'READ', 'CHAT'));
  expect(answer).toMatchObject({ data: { node: null } });
});
