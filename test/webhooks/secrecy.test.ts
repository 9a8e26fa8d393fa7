import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { hasPostgres, POSTGRES, SQLITE } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import {
  DELIVERY_FIELDS,
  ENDPOINT_URL,
  SECRET_KEY,
  SUBSCRIPTION_FIELDS,
  subscribe,
} from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const HEADER_VALUE = 'Bearer of-the-header-and-nobody-else';

it('returns a secret only when it is created, and never returns the value of a header', async () => {
  // The test reads the files of the database, so it requires SQLite.
  const database = await createDatabase(SQLITE);
  const gateway = await startGateway({ database, env: { SECRET_KEY } });
  const headers = [{ name: 'Authorization', value: HEADER_VALUE }];
  const { id, secret, ...created } = await subscribe(gateway, { headers });
  const rotate = (subscriptionId: string) =>
    mutate<{ secret: string }>(
      gateway,
      'rotateWebhookSecret',
      { id: subscriptionId },
      { selection: `webhookSubscription { ${SUBSCRIPTION_FIELDS} } secret` },
    );
  const { secret: newSecret, ...rotated } = await rotate(id);
  const update = (fields: object) =>
    mutate(
      gateway,
      'updateWebhookSubscription',
      { id, ...fields },
      { selection: `webhookSubscription { ${SUBSCRIPTION_FIELDS} }` },
    );
  const callRest = async (path: string, init?: RequestInit) => {
    const authorized = { Authorization: `Bearer ${gateway.key}`, 'Content-Type': 'application/json' };
    return (await gateway.fetch(`/v1/webhooks${path}`, { ...init, headers: authorized })).text();
  };
  const answers = [
    created,
    rotated,
    await rotate(gateway.accountId),
    await update({ description: 'a' }),
    await update({ headers: [{ name: 'Authorization', value: `${HEADER_VALUE}\n` }] }),
    await update({ headers: [...headers, ...headers] }),
    await mutate(
      gateway,
      'sendTestWebhook',
      { id, event: 'WEBHOOK_DISABLED' },
      { selection: `webhookDelivery { ${DELIVERY_FIELDS} }` },
    ),
    await gateway.graphql(
      `{ webhookSubscriptions(first: 5) { nodes { ${SUBSCRIPTION_FIELDS} deliveries(first: 5) { nodes { ${DELIVERY_FIELDS} } } } } }`,
    ),
    await gateway.graphql('{ webhookSubscriptions { nodes { secret headers { value } } } }'),
    await callRest(''),
    await callRest(`/${id}`),
    await callRest(`/${id}/deliveries`),
    await callRest(`/${id}`, {
      method: 'PATCH',
      body: JSON.stringify({ headers: { Authorization: `${HEADER_VALUE}\n` } }),
    }),
    await (await gateway.fetch('/metrics')).text(),
  ];
  await gateway.close();

  // The answer to the list query contains data: without data, the checks below would prove nothing.
  expect(answers[7]).toMatchObject({ data: { webhookSubscriptions: { nodes: [{ headerNames: ['Authorization'] }] } } });
  const folder = dirname(database.url.slice('sqlite:'.length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.some((bytes) => bytes.includes(id))).toBe(true);
  for (const secretText of [HEADER_VALUE, secret, newSecret]) {
    const bytes = Buffer.from(secretText.replace('whsec_', ''), secretText === HEADER_VALUE ? 'utf8' : 'base64');
    const encodings = [
      secretText,
      bytes.toString('hex'),
      bytes.toString('base64url').slice(0, 36),
      bytes.toString('base64'),
    ];
    for (const encoding of encodings) {
      expect(JSON.stringify([answers, gateway.logs])).not.toContain(encoding);
      expect(files.some((file) => file.includes(encoding))).toBe(false);
    }
  }
});

it.skipIf(!hasPostgres)(
  'rejects a subscription on Postgres without SECRET_KEY, because the gateway cannot seal its secret',
  async () => {
    const gateway = await startGateway({ engine: POSTGRES });
    const input = { url: ENDPOINT_URL, events: ['LEAD_CAPTURED'] };
    expect(await mutate(gateway, 'createWebhookSubscription', input)).toMatchObject({
      __typename: 'InvalidInputError',
      fields: [{ path: [], message: 'SECRET_KEY is not set.' }],
    });
    await gateway.close();
  },
);
