import { describe, expect, it } from 'vitest';
import { createChatbot } from '../../helpers/chatbots.ts';
import { ENDPOINT_URL, listStoredDeliveries, storeDelivery } from '../../helpers/webhooks/webhooks.ts';
import { mutate } from '../../schema/support.ts';
import { NOW, openGateway, type RestGateway, UNKNOWN_ID } from './support.ts';

const NEW_WEBHOOK = { url: ENDPOINT_URL, events: ['lead.captured'] };

interface RestResponse {
  readonly status: number;
  readonly body: { id: string; secret: string; detail?: string } & Record<string, unknown>;
  readonly headers: Headers;
}

async function request(
  gateway: RestGateway,
  method: string,
  path: string,
  body?: unknown,
  key = gateway.key,
): Promise<RestResponse> {
  const response = await gateway.send(`/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as RestResponse['body'], headers: response.headers };
}

const create = (gateway: RestGateway, fields: object = {}) =>
  request(gateway, 'POST', '/webhooks', { ...NEW_WEBHOOK, ...fields });

/** Every REST endpoint below a webhook's id, with a valid body. */
const WEBHOOK_ENDPOINTS = [
  ['GET', '', undefined],
  ['PATCH', '', { description: 'a' }],
  ['DELETE', '', undefined],
  ['POST', '/test', { event: 'lead.captured' }],
  ['POST', '/rotate-secret', undefined],
  ['GET', '/deliveries', undefined],
] as const;

describe('POST /webhooks', () => {
  it('subscribes an endpoint, and returns its secret', async () => {
    const gateway = await openGateway();
    const { status, body } = await create(gateway);
    expect([status, body]).toEqual([
      200,
      {
        id: expect.any(String),
        chatbot_id: null,
        url: ENDPOINT_URL,
        description: '',
        events: ['lead.captured'],
        channels: null,
        schedule: 'short',
        header_names: [],
        is_active: true,
        disabled_reason: null,
        failing_since: null,
        created_at: NOW,
        updated_at: NOW,
        secret: expect.stringMatching(/^whsec_/),
      },
    ]);
    const { secret: _, ...webhook } = body;
    expect((await request(gateway, 'GET', `/webhooks/${body.id}`)).body).toEqual(webhook);
    expect((await request(gateway, 'GET', '/webhooks')).body).toEqual([webhook]);
  });

  it('accepts every field', async () => {
    const gateway = await openGateway();
    const allFields = {
      chatbot_id: gateway.chatbotId,
      description: 'CRM',
      events: ['message.rated', 'source.done'],
      channels: ['chat_page', 'api'],
      schedule: 'long',
    };
    const { body } = await create(gateway, { ...allFields, headers: { 'X-Team': 'sales' }, color: 'red' });
    expect(body).toMatchObject({ ...allFields, header_names: ['X-Team'] });
    const nullFields = { chatbot_id: null, description: null, channels: null, schedule: null, headers: null };
    expect(await create(gateway, nullFields)).toMatchObject({ status: 200 });
  });

  it.each([
    [{ url: undefined }, /^url: /],
    [{ url: 42 }, /^url: /],
    [{ url: 'http://127.0.0.1/' }, /^url: Must be on the public internet/],
    [{ events: undefined }, /^events: /],
    [{ events: [] }, /^events: Must name at least one event\.$/],
    [{ events: ['LEAD_CAPTURED'] }, /^events\.0: /],
    [{ events: ['lead.captured', 'lead.captured'] }, /^events: Must name each event once\.$/],
    [{ channels: ['API'] }, /^channels\.0: /],
    [{ schedule: 'never' }, /^schedule: /],
    [{ chatbot_id: 'nonsense' }, /^chatbot_id: /],
    [{ headers: { 'X-A': 'a', 'Webhook-Id': 'b' } }, /^headers\.Webhook-Id\.name: Is set by/],
    [{ headers: { 'X-A': 'a\nb' } }, /^headers\.X-A\.value: /],
    [{ headers: { 'X-A': 1 } }, /^headers\.X-A: /],
    [{ headers: ['X-A'] }, /^headers: /],
  ])('rejects %j with 400', async (fields, detail) => {
    const gateway = await openGateway();
    expect(await create(gateway, fields)).toMatchObject({
      status: 400,
      body: { detail: expect.stringMatching(detail) },
    });
    expect((await request(gateway, 'GET', '/webhooks')).body).toEqual([]);
  });

  it('rejects invalid JSON and oversized bodies', async () => {
    const gateway = await openGateway();
    const post = async (body: string, type = 'application/json') => {
      const response = await gateway.send('/v1/webhooks', { method: 'POST', headers: { 'Content-Type': type }, body });
      return [response.status, await response.json()];
    };
    expect(await post('{')).toEqual([400, { detail: 'Cannot parse request body' }]);
    expect(await post('[]')).toEqual([400, { detail: 'Must be an object.' }]);
    expect(await post('{}', 'text/plain')).toEqual([415, { detail: 'Request body must be application/json.' }]);
    expect((await post(' '.repeat(300_000)))[0]).toBe(413);
  });

  it('does not find a chatbot of another account', async () => {
    const gateway = await openGateway();
    const { key } = await gateway.createTenant();
    const chatbotId = await createChatbot(gateway, { key });
    for (const chatbot_id of [chatbotId, UNKNOWN_ID]) {
      expect(await create(gateway, { chatbot_id })).toMatchObject({ status: 404, body: { detail: 'Not Found' } });
    }
  });
});

describe('GET /webhooks', () => {
  it('lists webhooks, newest first, in pages if requested', async () => {
    const gateway = await openGateway();
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.unshift((await create(gateway)).body.id);
    const list = async (query: string) => {
      const { body, headers } = await request(gateway, 'GET', `/webhooks${query}`);
      return { ids: (body as unknown as { id: string }[]).map(({ id }) => id), link: headers.get('Link') };
    };
    expect(await list('')).toEqual({ ids, link: null });
    const first = await list('?limit=2');
    const [, next = ''] = /^<\/v1\/webhooks(.+)>; rel="next"$/.exec(first.link ?? '') ?? [];
    expect([first.ids, await list(next)]).toEqual([ids.slice(0, 2), { ids: ids.slice(2), link: null }]);
  });
});

describe('PATCH /webhooks/{webhook_id}', () => {
  it('changes the given fields, and keeps the rest', async () => {
    const gateway = await openGateway();
    const { secret: _, ...webhook } = (await create(gateway, { headers: { 'X-A': 'a' }, channels: ['api'] })).body;
    const patch = async (fields: object) => (await request(gateway, 'PATCH', `/webhooks/${webhook.id}`, fields)).body;
    expect(await patch({})).toEqual(webhook);
    expect(await patch({ url: null, events: null, headers: null, is_active: null })).toEqual(webhook);
    const changes = { description: 'Other', events: ['handoff.ended'], schedule: 'long', is_active: false };
    expect(await patch(changes)).toEqual({ ...webhook, ...changes });
    expect(await patch({ channels: [], headers: {} })).toMatchObject({ channels: null, header_names: [] });
    expect(await patch({ is_active: 'yes' })).toEqual({ detail: expect.stringMatching(/^is_active: /) });
    expect(await patch({ url: 'ftp://a' })).toEqual({ detail: expect.stringMatching(/^url: /) });
  });
});

describe('DELETE /webhooks/{webhook_id}', () => {
  it('deletes the webhook', async () => {
    const gateway = await openGateway();
    const { id } = (await create(gateway)).body;
    expect(await request(gateway, 'DELETE', `/webhooks/${id}`)).toMatchObject({
      status: 200,
      body: { deleted_id: id },
    });
    expect(await request(gateway, 'GET', `/webhooks/${id}`)).toMatchObject({ status: 404 });
  });
});

describe('POST /webhooks/{webhook_id}/rotate-secret', () => {
  it('replaces the secret, and returns the new one', async () => {
    const gateway = await openGateway();
    const { secret: oldSecret, ...webhook } = (await create(gateway)).body;
    const { status, body } = await request(gateway, 'POST', `/webhooks/${webhook.id}/rotate-secret`);
    expect([status, body]).toEqual([200, { ...webhook, secret: expect.stringMatching(/^whsec_.{44}$/) }]);
    expect(body.secret).not.toBe(oldSecret);
  });
});

describe('POST /webhooks/{webhook_id}/test', () => {
  it('enqueues a sample of an event', async () => {
    const gateway = await openGateway();
    const { id } = (await create(gateway)).body;
    const { status, body } = await request(gateway, 'POST', `/webhooks/${id}/test`, { event: 'message.rated' });
    expect([status, body]).toEqual([
      200,
      {
        id: expect.any(String),
        webhook_id: id,
        event: 'message.rated',
        event_id: expect.any(String),
        occurred_at: NOW,
        status: 'pending',
        payload: null,
        created_at: NOW,
        next_attempt_at: NOW,
        attempt_count: 0,
        attempts: [],
      },
    ]);
    expect(await listStoredDeliveries(gateway, id)).toMatchObject([{ id: body.id }]);
  });

  it('rejects unknown events, and a disabled webhook', async () => {
    const gateway = await openGateway();
    const { id } = (await create(gateway)).body;
    for (const body of [{}, { event: 'MESSAGE_RATED' }, { event: null }]) {
      expect(await request(gateway, 'POST', `/webhooks/${id}/test`, body)).toMatchObject({
        status: 400,
        body: { detail: expect.stringMatching(/^event: /) },
      });
    }
    await mutate(gateway, 'updateWebhookSubscription', { id, isActive: false });
    expect(await request(gateway, 'POST', `/webhooks/${id}/test`, { event: 'lead.captured' })).toMatchObject({
      status: 400,
      body: { detail: 'The subscription is switched off: nothing is sent to it.' },
    });
    expect(await listStoredDeliveries(gateway, id)).toEqual([]);
  });
});

describe('GET /webhooks/{webhook_id}/deliveries', () => {
  it('lists deliveries, newest first, filtered by status and in pages if requested', async () => {
    const gateway = await openGateway();
    const { id } = (await create(gateway)).body;
    const ids: string[] = [];
    for (const status of ['EXHAUSTED', 'DELIVERED', 'EXHAUSTED'] as const) {
      ids.unshift((await storeDelivery(gateway, id, { status })).id);
    }
    const attempt = { delivery_id: ids[0], number: 1, account_id: gateway.accountId, at: NOW, duration_ms: 84 };
    await gateway.deps.db.transaction((trx) =>
      trx
        .insertInto('webhook_attempts')
        .values({ ...attempt, status_code: 500, error: 'answered 500', response: 'no' } as never)
        .execute(),
    );
    const list = async (query: string) => {
      const { body, headers } = await request(gateway, 'GET', `/webhooks/${id}/deliveries${query}`);
      return { items: body as unknown as { id: string }[], link: headers.get('Link') };
    };
    const all = await list('');
    expect(all.items.map((item) => item.id)).toEqual(ids);
    expect(all.items[0]).toMatchObject({
      status: 'exhausted',
      payload: '{}',
      next_attempt_at: null,
      attempts: [{ number: 1, at: NOW, duration_ms: 84, status_code: 500, error: 'answered 500', response: 'no' }],
    });
    const first = await list('?limit=1&status=exhausted');
    const [, next = ''] = /\/deliveries(.+)>; rel="next"$/.exec(first.link ?? '') ?? [];
    const second = await list(next);
    expect([...first.items, ...second.items].map((item) => item.id)).toEqual([ids[0], ids[2]]);
    expect(second.link).toBe(null);
    expect(await request(gateway, 'GET', `/webhooks/${id}/deliveries?status=lost`)).toMatchObject({ status: 400 });
    expect(await request(gateway, 'GET', `/webhooks/${id}/deliveries?after=garbage`)).toMatchObject({ status: 400 });
  });

  it('lists 100 deliveries by default', async () => {
    const gateway = await openGateway();
    const { id } = (await create(gateway)).body;
    for (let n = 0; n < 101; n++) await storeDelivery(gateway, id);
    const { body, headers } = await request(gateway, 'GET', `/webhooks/${id}/deliveries`);
    expect(body).toHaveLength(100);
    expect(headers.get('Link')).toMatch(/limit=100&after=.+rel="next"/);
  });
});

describe('a webhook', () => {
  it.each(WEBHOOK_ENDPOINTS)(
    'is not found by %s %s of other accounts or with invalid ids',
    async (method, path, body) => {
      const gateway = await openGateway();
      const { id } = (await create(gateway)).body;
      const { key } = await gateway.createTenant();
      for (const requestedId of [id, UNKNOWN_ID, '42']) {
        const answer = await request(gateway, method, `/webhooks/${requestedId}${path}`, body, key);
        expect(answer).toMatchObject({ status: 404, body: { detail: 'Not Found' } });
      }
      expect(await request(gateway, 'GET', `/webhooks/${id}`)).toMatchObject({ body: { description: '' } });
      expect(await listStoredDeliveries(gateway, id)).toEqual([]);
    },
  );

  it.each([['GET', '', undefined], ['POST', '', NEW_WEBHOOK], ...WEBHOOK_ENDPOINTS] as const)(
    'requires MANAGE: %s %s',
    async (method, path, body) => {
      const gateway = await openGateway();
      const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
      const target = body === NEW_WEBHOOK ? '/webhooks' : `/webhooks/${UNKNOWN_ID}${path}`;
      expect(await request(gateway, method, target, body, key)).toMatchObject({ status: 403 });
      expect(await request(gateway, method, target, body, 'ic_nonsense')).toMatchObject({ status: 401 });
    },
  );

  it.each([
    ['PUT', '/webhooks', 'GET, HEAD, POST'],
    ['POST', `/webhooks/${UNKNOWN_ID}`, 'GET, HEAD, PATCH, DELETE'],
    ['GET', `/webhooks/${UNKNOWN_ID}/test`, 'POST'],
    ['GET', `/webhooks/${UNKNOWN_ID}/rotate-secret`, 'POST'],
    ['DELETE', `/webhooks/${UNKNOWN_ID}/deliveries`, 'GET, HEAD'],
  ])('rejects %s %s with 405', async (method, path, allow) => {
    const { status, body, headers } = await request(await openGateway(), method, path);
    expect([status, body, headers.get('Allow')]).toEqual([405, { detail: 'Method not allowed' }, allow]);
  });
});
