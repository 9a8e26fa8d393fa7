import { describe, expect, it } from 'vitest';
import { WEBHOOK_EVENTS } from '../../../src/domain/webhooks.ts';
import { findEndpoint } from '../../../src/store/webhooks/subscriptions.ts';
import { unsealParts } from '../../../src/webhooks/sealed.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import type { GatewayOptions, TestGateway } from '../../helpers/gateway.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import {
  ENDPOINT_URL,
  listStoredDeliveries,
  SECRET_KEY,
  SUBSCRIPTION_FIELDS,
  type Subscription,
  storeDelivery,
  subscribe,
} from '../../helpers/webhooks/webhooks.ts';
import { mutate, openGateway as open, textOfLength } from '../support.ts';

const openGateway = ({ env, overrides }: Pick<GatewayOptions, 'env' | 'overrides'> = {}) =>
  overrides ? open({ env: { SECRET_KEY, ...env }, overrides }) : openSharedGateway({ env: { SECRET_KEY, ...env } });
const SUBSCRIPTION = `query ($id: ID!) { webhookSubscription(id: $id) { ${SUBSCRIPTION_FIELDS} } }`;
const NOT_FOUND = { __typename: 'NotFoundError', code: 'NOT_FOUND', reason: 'Webhook subscription not found.' };

const create = (gateway: TestGateway, input: object, key = gateway.key) =>
  mutate<{ webhookSubscription: Subscription }>(
    gateway,
    'createWebhookSubscription',
    { url: ENDPOINT_URL, events: ['LEAD_CAPTURED'], ...input },
    { selection: `webhookSubscription { ${SUBSCRIPTION_FIELDS} }`, key },
  );
const update = (gateway: TestGateway, input: object) =>
  mutate<{ webhookSubscription: Subscription }>(gateway, 'updateWebhookSubscription', input, {
    selection: `webhookSubscription { ${SUBSCRIPTION_FIELDS} }`,
  });

async function readSecrets({ deps, accountId }: TestGateway, id: string) {
  const endpoint = await findEndpoint(deps.db.read, accountId, id);
  return (
    endpoint && { ...unsealParts(deps.sealer, id, endpoint.sealed), oldSecretUntil: endpoint.sealed.oldSecretUntil }
  );
}

const countSubscriptions = async ({ deps, accountId }: TestGateway) => {
  const query = deps.db.read.selectFrom('webhook_subscriptions').select('id').where('account_id', '=', accountId);
  return (await query.execute()).length;
};

const INVALID_INPUTS = [
  [{ url: '' }, ['url']],
  [{ url: 'hooks.example.com' }, ['url']],
  [{ url: 'ftp://hooks.example.com/' }, ['url']],
  [{ url: 'https://user:pass@hooks.example.com/' }, ['url']],
  [{ url: 'https://hooks.example.com/#a' }, ['url']],
  [{ url: 'https://hooks.example.com:22/' }, ['url']],
  [{ url: 'http://127.0.0.1/' }, ['url']],
  [{ url: 'http://169.254.169.254/latest' }, ['url']],
  [{ url: 'https://hooks.internal/' }, ['url']],
  [{ url: `https://hooks.example.com/${textOfLength(2_048)}` }, ['url']],
  [{ events: [] }, ['events']],
  [{ events: ['LEAD_CAPTURED', 'LEAD_CAPTURED'] }, ['events']],
  [{ description: textOfLength(256) }, ['description']],
  [{ description: 'a\0b' }, ['description']],
  [{ channels: ['API', 'API'] }, ['channels']],
  [{ headers: [{ name: 'X A', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: '', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'X-Ä', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'X-A\r\nHost', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'Host', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'content-length', value: '0' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'Content-Type', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'Connection', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'Transfer-Encoding', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'X-InsiteChat-Signature', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'Webhook-Id', value: 'a' }] }, ['headers', '0', 'name']],
  [{ headers: [{ name: 'X-A', value: '' }] }, ['headers', '0', 'value']],
  [{ headers: [{ name: 'X-A', value: ' a' }] }, ['headers', '0', 'value']],
  [{ headers: [{ name: 'X-A', value: 'ä' }] }, ['headers', '0', 'value']],
  [{ headers: [{ name: 'X-A', value: 'a\r\nHost: b' }] }, ['headers', '0', 'value']],
  [{ headers: [{ name: 'X-A', value: textOfLength(1_001) }] }, ['headers', '0', 'value']],
  [{ headers: ['X-A', 'x-a'].map((name) => ({ name, value: 'a' })) }, ['headers']],
  [{ headers: Array.from({ length: 11 }, (_, n) => ({ name: `X-${n}`, value: 'a' })) }, ['headers']],
] as const;

describe('createWebhookSubscription', () => {
  it('subscribes an endpoint, and returns its secret once', async () => {
    const gateway = await openGateway();
    const { secret, ...created } = await subscribe(gateway);
    expect(created).toEqual({
      id: expect.any(String),
      chatbot: null,
      url: ENDPOINT_URL,
      description: '',
      events: ['LEAD_CAPTURED'],
      channels: null,
      schedule: 'SHORT',
      headerNames: [],
      isActive: true,
      disabledReason: null,
      failingSince: null,
      willBeDisabledAt: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect(secret).toMatch(/^whsec_/);
    expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
    expect(await readSecrets(gateway, created.id)).toEqual({
      secret,
      oldSecret: null,
      headers: {},
      oldSecretUntil: null,
    });
    expect((await gateway.graphql(SUBSCRIPTION, { id: created.id })).data).toEqual({ webhookSubscription: created });
  });

  it('accepts every field', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const input = {
      chatbotId,
      description: ' CRM ',
      events: Object.keys(WEBHOOK_EVENTS),
      channels: ['GRAPHQL', 'CHAT_PAGE'],
      schedule: 'LONG',
      headers: Array.from({ length: 10 }, (_, n) => ({ name: `X-${n}`, value: textOfLength(1_000) })),
    };
    const { webhookSubscription } = await create(gateway, input);
    expect(webhookSubscription).toMatchObject({
      chatbot: { id: chatbotId },
      description: 'CRM',
      events: input.events,
      channels: input.channels,
      schedule: 'LONG',
      headerNames: input.headers.map(({ name }) => name),
    });
    expect((await readSecrets(gateway, webhookSubscription.id))?.headers).toHaveProperty('X-9', textOfLength(1_000));
  });

  it.each(INVALID_INPUTS)('rejects %j', async (input, path) => {
    const gateway = await openGateway();
    expect(await create(gateway, input)).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path }] });
    expect(await countSubscriptions(gateway)).toBe(0);
  });

  it('accepts internal addresses that the operator allows, on any port', async () => {
    const gateway = await openGateway({ env: { SSRF_ALLOW_CIDRS: '127.0.0.0/8' } });
    const url = 'http://127.0.0.1:9999/in';
    expect(await create(gateway, { url })).toMatchObject({ webhookSubscription: { url } });
  });

  it('creates at most 50 subscriptions per account, even concurrently', async () => {
    const gateway = await openGateway();
    for (let n = 0; n < 48; n++) await create(gateway, {});
    const answers = await Promise.all(Array.from({ length: 5 }, () => create(gateway, {})));
    const refused = answers.filter((answer) => !('webhookSubscription' in answer));
    const message = 'The account has 50 webhook subscriptions already. Delete one first.';
    expect(refused).toMatchObject(Array(3).fill({ code: 'INVALID_INPUT', fields: [{ path: [], message }] }));
    expect(await countSubscriptions(gateway)).toBe(50);
    const { key } = await gateway.createTenant();
    expect(await create(gateway, {}, key)).toHaveProperty('webhookSubscription');
  });
});

describe('updateWebhookSubscription', () => {
  it('changes the given fields, and keeps the others', async () => {
    const gateway = await openGateway();
    const { secret, ...created } = await subscribe(gateway, { headers: [{ name: 'X-A', value: 'first' }] });
    const updated = await update(gateway, { id: created.id, url: 'https://other.example.com/', description: 'Other' });
    expect(updated.webhookSubscription).toEqual({
      ...created,
      url: 'https://other.example.com/',
      description: 'Other',
      updatedAt: expect.any(String),
    });
    expect(await readSecrets(gateway, created.id)).toMatchObject({ secret, headers: { 'X-A': 'first' } });
    const changes = {
      events: ['MESSAGE_RATED', 'SOURCE_DONE'],
      channels: ['API'],
      schedule: 'LONG',
      isActive: false,
    };
    const headers = [{ name: 'X-B', value: 'second' }];
    expect(await update(gateway, { id: created.id, ...changes, headers })).toMatchObject({
      webhookSubscription: { ...changes, headerNames: ['X-B'], disabledReason: null },
    });
    expect(await update(gateway, { id: created.id, channels: [], headers: [] })).toMatchObject({
      webhookSubscription: { ...changes, channels: null, headerNames: [] },
    });
  });

  it('resets a null field to its default, and rejects null for a field that needs a value', async () => {
    const gateway = await openGateway();
    const { secret: _, ...created } = await subscribe(gateway, {
      description: 'A',
      channels: ['API'],
      schedule: 'LONG',
      headers: [{ name: 'X-A', value: 'first' }],
    });
    for (const field of ['url', 'events', 'isActive']) {
      expect(await update(gateway, { id: created.id, description: 'B', [field]: null })).toMatchObject({
        code: 'INVALID_INPUT',
        fields: [{ path: [field], message: 'Must not be null.' }],
      });
    }
    const nulls = { description: null, channels: null, schedule: null, headers: null };
    expect((await update(gateway, { id: created.id, ...nulls })).webhookSubscription).toEqual({
      ...created,
      ...{ description: '', channels: null, schedule: 'SHORT', headerNames: [] },
      updatedAt: expect.any(String),
    });
  });

  it('clears the disabled reason and the start of the failures when a subscription is switched on again', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    const failureColumns = {
      is_active: 0,
      disabled_reason: 'It failed.',
      failing_since: '2026-03-15T10:30:00.123000+00:00',
    };
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('webhook_subscriptions')
        .set(failureColumns as object)
        .where('id', '=', id)
        .execute(),
    );
    expect(await update(gateway, { id, description: 'a' })).toMatchObject({
      webhookSubscription: { isActive: false, disabledReason: 'It failed.', failingSince: '2026-03-15T10:30:00.123Z' },
    });
    expect(await update(gateway, { id, isActive: true })).toMatchObject({
      webhookSubscription: { isActive: true, disabledReason: null, failingSince: null },
    });
  });

  it.each(INVALID_INPUTS)('rejects %j', async (input, path) => {
    const gateway = await openGateway();
    const { secret, ...created } = await subscribe(gateway);
    expect(await update(gateway, { id: created.id, ...input })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path }],
    });
    expect((await gateway.graphql(SUBSCRIPTION, { id: created.id })).data).toEqual({ webhookSubscription: created });
  });
});

describe('rotateWebhookSecret', () => {
  it('returns a new secret, and keeps the previous one valid for 24 hours', async () => {
    const clock = createManualClock();
    const gateway = await openGateway({ overrides: { clock } });
    const { id, secret } = await subscribe(gateway);
    const rotate = () =>
      mutate<{ secret: string }>(
        gateway,
        'rotateWebhookSecret',
        { id },
        {
          selection: 'webhookSubscription { id } secret oldSecretUntil',
        },
      );
    const second = await rotate();
    expect(second).toMatchObject({ webhookSubscription: { id }, oldSecretUntil: '2026-03-16T10:30:00.000Z' });
    expect(second.secret).toMatch(/^whsec_/);
    const oldSecretUntil = '2026-03-16T10:30:00.000000+00:00';
    const { headers: _, ...storedSecrets } = (await readSecrets(gateway, id)) ?? {};
    expect(storedSecrets).toEqual({ secret: second.secret, oldSecret: secret, oldSecretUntil });
    const third = await rotate();
    expect(await readSecrets(gateway, id)).toMatchObject({ secret: third.secret, oldSecret: second.secret });
  });
});

describe('deleteWebhookSubscription', () => {
  it('deletes a subscription with its deliveries', async () => {
    const gateway = await openGateway();
    const { id } = await subscribe(gateway);
    await storeDelivery(gateway, id);
    const deleted = await mutate(gateway, 'deleteWebhookSubscription', { id }, { selection: 'deletedId' });
    expect(deleted).toEqual({ __typename: 'DeleteWebhookSubscriptionPayload', deletedId: id });
    expect(await listStoredDeliveries(gateway, id)).toEqual([]);
    expect(await mutate(gateway, 'deleteWebhookSubscription', { id })).toEqual(NOT_FOUND);
  });

  it('is not needed after deleteChatbot, which deletes the subscriptions of the chatbot', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    await subscribe(gateway, { chatbotId });
    await mutate(gateway, 'deleteChatbot', { id: chatbotId });
    expect(await countSubscriptions(gateway)).toBe(0);
  });
});

describe('webhookSubscriptions', () => {
  const LIST = `query ($first: Int, $after: String, $chatbotId: ID) {
    webhookSubscriptions(first: $first, after: $after, chatbotId: $chatbotId) { nodes { id } pageInfo { hasNextPage endCursor } }
  }`;
  interface SubscriptionList {
    webhookSubscriptions: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
  }

  it('lists subscriptions in pages, newest first, optionally filtered by chatbot', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const ids = [];
    for (const filter of [{}, { chatbotId }, {}]) ids.unshift((await subscribe(gateway, filter)).id);
    const listSubscriptions = async (variables: object) => {
      const { data } = await gateway.graphql<SubscriptionList>(LIST, variables);
      return { ids: data.webhookSubscriptions.nodes.map(({ id }) => id), ...data.webhookSubscriptions.pageInfo };
    };
    const first = await listSubscriptions({ first: 2 });
    expect(first).toMatchObject({ ids: ids.slice(0, 2), hasNextPage: true });
    expect(await listSubscriptions({ first: 2, after: first.endCursor })).toMatchObject({
      ids: ids.slice(2),
      hasNextPage: false,
    });
    expect(await listSubscriptions({ chatbotId })).toMatchObject({ ids: [ids[1]] });
    expect(await listSubscriptions({ chatbotId: 'nonsense' })).toMatchObject({ ids: [] });
  });

  it('is empty for other accounts', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    await subscribe(gateway, { chatbotId });
    const { key } = await gateway.createTenant();
    for (const variables of [{}, { chatbotId }]) {
      const { data } = await gateway.graphql<SubscriptionList>(LIST, variables, key);
      expect(data.webhookSubscriptions.nodes).toEqual([]);
    }
  });
});
