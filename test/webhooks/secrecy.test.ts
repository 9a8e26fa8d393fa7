import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { hasPostgres, POSTGRES, SQLITE } from '../helpers/databases.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { DELIVERY, ENDPOINT, SECRET_KEY, SUBSCRIPTION, subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const VALUE = 'Bearer of-the-header-and-nobody-else';

it('shows a secret only in the response that creates it, and the value of a header nowhere', async () => {
  // The test reads the database files, so it needs SQLite.
  const database = await createDatabase(SQLITE);
  const gateway = await startGateway({ database, env: { SECRET_KEY } });
  const headers = [{ name: 'Authorization', value: VALUE }];
  const { id, secret, ...made } = await subscribe(gateway, { headers });
  const rotate = (named: string) =>
    mutate<{ secret: string }>(
      gateway,
      'rotateWebhookSecret',
      { id: named },
      { selection: `webhookSubscription { ${SUBSCRIPTION} } secret` },
    );
  const { secret: second, ...rotated } = await rotate(id);
  const update = (fields: object) =>
    mutate(
      gateway,
      'updateWebhookSubscription',
      { id, ...fields },
      { selection: `webhookSubscription { ${SUBSCRIPTION} }` },
    );
  const callRest = async (path: string, init?: RequestInit) => {
    const authorized = { Authorization: `Bearer ${gateway.key}`, 'Content-Type': 'application/json' };
    return (await gateway.fetch(`/v1/webhooks${path}`, { ...init, headers: authorized })).text();
  };
  const answers = [
    made,
    rotated,
    await rotate(gateway.accountId),
    await update({ description: 'a' }),
    await update({ headers: [{ name: 'Authorization', value: `${VALUE}\n` }] }),
    await update({ headers: [...headers, ...headers] }),
    await mutate(
      gateway,
      'sendTestWebhook',
      { subscriptionId: id, event: 'WEBHOOK_DISABLED' },
      { selection: `webhookDelivery { ${DELIVERY} }` },
    ),
    await gateway.graphql(
      `{ webhookSubscriptions(first: 5) { nodes { ${SUBSCRIPTION} deliveries(first: 5) { nodes { ${DELIVERY} } } } } }`,
    ),
    await gateway.graphql('{ webhookSubscriptions { nodes { secret headers { value } } } }'),
    await callRest(''),
    await callRest(`/${id}`),
    await callRest(`/${id}/deliveries`),
    await callRest(`/${id}`, { method: 'PATCH', body: JSON.stringify({ headers: { Authorization: `${VALUE}\n` } }) }),
    await (await gateway.fetch('/metrics')).text(),
  ];
  await gateway.close();

  expect(answers[7]).toMatchObject({ data: { webhookSubscriptions: { nodes: [{ headerNames: ['Authorization'] }] } } });
  const folder = dirname(database.url.slice('sqlite:'.length));
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  expect(files.some((bytes) => bytes.includes(id))).toBe(true);
  for (const hidden of [VALUE, secret, second]) {
    const bytes = Buffer.from(hidden.replace('whsec_', ''), hidden === VALUE ? 'utf8' : 'base64');
    const forms = [hidden, bytes.toString('hex'), bytes.toString('base64url').slice(0, 36), bytes.toString('base64')];
    for (const form of forms) {
      expect(JSON.stringify([answers, gateway.logs])).not.toContain(form);
      expect(files.some((file) => file.includes(form))).toBe(false);
    }
  }
});

it.skipIf(!hasPostgres)(
  'rejects a subscription when the gateway has no key to seal with: on Postgres without SECRET_KEY',
  async () => {
    const gateway = await startGateway({ engine: POSTGRES });
    const input = { url: ENDPOINT, events: ['LEAD_CAPTURED'] };
    expect(await mutate(gateway, 'createWebhookSubscription', input)).toMatchObject({
      __typename: 'InvalidInputError',
      fields: [{ path: [], message: 'SECRET_KEY is not set.' }],
    });
    await gateway.close();
  },
);
