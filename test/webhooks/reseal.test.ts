import { expect, it } from 'vitest';
import { findEndpoint } from '../../src/store/webhooks/subscriptions.ts';
import { unsealParts } from '../../src/webhooks/sealed.ts';
import { createDatabase, startGateway } from '../helpers/gateway.ts';
import { subscribe } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

it('keeps secrets and headers when SECRET_KEY is replaced', async () => {
  const database = await createDatabase();
  const [oldKey, newKey] = ['ab'.repeat(32), 'cd'.repeat(32)];
  const before = await startGateway({ database, env: { SECRET_KEY: oldKey } });
  const { id, secret } = await subscribe(before, { headers: [{ name: 'X-A', value: 'a' }] });
  const rotated = await mutate<{ secret: string }>(before, 'rotateWebhookSecret', { id }, { selection: 'secret' });
  const withoutHeaders = await subscribe(before);
  await before.close();

  const withBothKeys = await startGateway({ database, env: { SECRET_KEY: newKey, SECRET_KEY_PREVIOUS: oldKey } });
  const findLog = () => withBothKeys.logs.find(({ msg }) => msg === 're-encrypted webhook secrets');
  await expect.poll(findLog).toMatchObject({ sealed: 2, lost: 0 });
  await withBothKeys.close();

  const { deps, ...after } = await startGateway({ database, env: { SECRET_KEY: newKey } });
  const readSecrets = async (subscriptionId: string) => {
    const endpoint = await findEndpoint(deps.db.read, before.accountId, subscriptionId);
    return endpoint && unsealParts(deps.sealer, subscriptionId, endpoint.sealed);
  };
  expect(await readSecrets(id)).toEqual({ secret: rotated.secret, oldSecret: secret, headers: { 'X-A': 'a' } });
  expect(await readSecrets(withoutHeaders.id)).toEqual({ secret: withoutHeaders.secret, oldSecret: null, headers: {} });
  await after.close();
});

it('rotates the secret of a subscription whose secret cannot be unsealed', async () => {
  const database = await createDatabase();
  const before = await startGateway({ database, env: { SECRET_KEY: 'ab'.repeat(32) } });
  const { id } = await subscribe(before, { headers: [{ name: 'X-A', value: 'a' }] });
  await before.close();
  const gateway = await startGateway({ database, env: { SECRET_KEY: 'cd'.repeat(32) } });
  const key = await gateway.createKey(before.accountId, ['READ', 'MANAGE']);
  const selection = 'webhookSubscription { headerNames } secret';
  const rotated = await mutate<{ secret: string }>(gateway, 'rotateWebhookSecret', { id }, { selection, key });
  expect(rotated).toMatchObject({ webhookSubscription: { headerNames: [] } });
  const endpoint = await findEndpoint(gateway.deps.db.read, before.accountId, id);
  expect(endpoint && unsealParts(gateway.deps.sealer, id, endpoint.sealed)).toEqual({
    secret: rotated.secret,
    oldSecret: null,
    headers: {},
  });
  await gateway.close();
});
