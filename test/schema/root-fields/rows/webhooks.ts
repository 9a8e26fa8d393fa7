import { onTestFinished } from 'vitest';
import { toTimestamp } from '../../../../src/domain/time.ts';
import { createSealer } from '../../../../src/secrets.ts';
import { subscribe } from '../../../helpers/webhooks/webhooks.ts';
import type { Row } from '../row.ts';
import type { World } from '../world.ts';

const SUBSCRIPTION_ID = { id: { kind: 'webhookSubscription' } } as const;
const ENDPOINT = { url: 'https://hooks.example.com/new', events: ['QUOTA_WARNING'] };

/** Takes the key for secrets from the gateway until the end of the test, as on Postgres without `SECRET_KEY`. */
function takeSecretKey({ deps }: World): void {
  const { sealer, config, logger } = deps;
  const change = deps as { sealer: typeof sealer };
  change.sealer = createSealer({ ...config, secretKeys: [], databaseUrl: 'postgres://localhost/none' }, logger);
  onTestFinished(() => {
    change.sealer = sealer;
  });
}

/** The rows of the mutations of webhooks. */
export const WEBHOOK_ROWS: readonly Row[] = [
  {
    field: 'createWebhookSubscription',
    scopes: [['MANAGE']],
    args: () => ENDPOINT,
    ids: { chatbotId: { kind: 'chatbot', args: (id) => ({ ...ENDPOINT, chatbotId: id }) } },
    errors: { InvalidInputError: () => ({ ...ENDPOINT, url: 'nowhere' }) },
  },
  {
    field: 'updateWebhookSubscription',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.webhookSubscription, description: 'Leads' }),
    ids: SUBSCRIPTION_ID,
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.webhookSubscription, url: 'nowhere' }) },
  },
  {
    field: 'deleteWebhookSubscription',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: (await subscribe(world)).id }),
    ids: SUBSCRIPTION_ID,
  },
  {
    field: 'rotateWebhookSecret',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.webhookSubscription }),
    ids: SUBSCRIPTION_ID,
    errors: {
      InvalidInputError: (world) => {
        takeSecretKey(world);
        return { id: world.ids.webhookSubscription };
      },
    },
  },
  {
    field: 'sendTestWebhook',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.webhookSubscription, event: 'LEAD_CAPTURED' }),
    ids: SUBSCRIPTION_ID,
    errors: { InvalidInputError: ({ disabledWebhook: { id } }) => ({ id, event: 'LEAD_CAPTURED' }) },
  },
  {
    field: 'redeliverWebhook',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.webhookDelivery }),
    ids: { id: { kind: 'webhookDelivery' } },
    errors: { InvalidInputError: ({ disabledWebhook }) => ({ id: disabledWebhook.deliveryId }) },
  },
  {
    field: 'replayWebhooks',
    scopes: [['MANAGE']],
    args: ({ ids, deps }) => ({ id: ids.webhookSubscription, since: toTimestamp(deps.clock.now()) }),
    ids: SUBSCRIPTION_ID,
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.webhookSubscription, since: '2020-01-01T00:00:00Z' }) },
  },
];
