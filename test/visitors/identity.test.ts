import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { SECRET_KEY } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';
import { createPublicChatbot, requestSession } from './support.ts';

async function open() {
  const gateway = await openSharedGateway({ env: { SECRET_KEY } });
  const chatbotId = await createPublicChatbot(gateway);
  const rotate = async () =>
    (await mutate<{ secret: string }>(gateway, 'rotateIdentitySecret', { chatbotId }, { selection: 'secret' })).secret;
  const request = (identity: unknown) =>
    requestSession(gateway, chatbotId, { body: { identity, visitor: { name: 'Me' } } });
  const openWith = async (identity: string) => {
    const response = await request(identity);
    expect(response.status).toBe(201);
    return ((await response.json()) as { visitor_id: string }).visitor_id;
  };
  return { gateway, chatbotId, rotate, request, openWith };
}

const sign = (secret: string, claims: object, expires: string | undefined = '5m', alg = 'HS256') => {
  const jwt = new SignJWT({ ...claims }).setProtectedHeader({ alg });
  return (expires === undefined ? jwt : jwt.setExpirationTime(expires)).sign(new TextEncoder().encode(secret));
};

describe('a signed identity', () => {
  it('opens sessions as one verified visitor, whose details come from the signature', async () => {
    const { gateway, rotate, openWith } = await open();
    const secret = await rotate();
    const claims = { user_id: 'u-1', name: 'Ada', email: 'ada@example.com', custom_data: { plan: 'pro' } };
    const id = await openWith(await sign(secret, claims));
    expect(await openWith(await sign(secret, { user_id: 'u-1' }))).toBe(id);
    expect(await openWith(await sign(secret, { user_id: 'u-2' }))).not.toBe(id);
    const query =
      'query ($id: ID!) { node(id: $id) { ... on Visitor { externalId name email customData isVerified } } }';
    expect((await gateway.graphql<object>(query, { id })).data).toEqual({
      node: { externalId: 'u-1', name: 'Ada', email: 'ada@example.com', customData: { plan: 'pro' }, isVerified: true },
    });
  });

  it('is valid with the last two secrets', async () => {
    const { rotate, request } = await open();
    const secrets = [await rotate(), await rotate(), await rotate()];
    const statuses = [];
    for (const secret of secrets) statuses.push((await request(await sign(secret, { user_id: 'u-1' }))).status);
    expect(statuses).toEqual([400, 201, 201]);
  });

  it('is refused if it is forged, expired, incomplete, of another chatbot, or no JWT', async () => {
    const { gateway, rotate, request } = await open();
    const secret = await rotate();
    const other = await createPublicChatbot(gateway);
    const { secret: foreign } = await mutate<{ secret: string }>(
      gateway,
      'rotateIdentitySecret',
      { chatbotId: other },
      { selection: 'secret' },
    );
    const valid = await sign(secret, { user_id: 'u-1' });
    const [, payload = ''] = valid.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    const identities = [
      await sign(foreign, { user_id: 'u-1' }),
      await sign('secret', { user_id: 'u-1' }),
      await sign(secret, { user_id: 'u-1' }, '-1s'),
      await new SignJWT({ user_id: 'u-1' }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret)),
      await sign(secret, {}),
      await sign(secret, { user_id: {} }),
      await sign(secret, { user_id: '' }),
      await sign(secret, { user_id: 'u-1' }, '5m', 'HS512'),
      `${none}.${payload}.`,
      valid.slice(0, -2),
      '',
      'x'.repeat(10_000),
      5,
    ];
    for (const identity of identities) {
      expect([identity, (await request(identity)).status]).toEqual([identity, 400]);
    }
    const { data } = await gateway.graphql<{ chatbots: { nodes: { visitors: { totalCount: number } }[] } }>(
      '{ chatbots { nodes { visitors { totalCount } } } }',
    );
    expect(data.chatbots.nodes.map(({ visitors }) => visitors.totalCount)).toEqual([0, 0]);
  });

  it('can be required', async () => {
    const { gateway, chatbotId, rotate, request } = await open();
    const secret = await rotate();
    const answer = await mutate<object>(
      gateway,
      'updateChatbot',
      { id: chatbotId, identity: { isRequired: true } },
      { selection: 'chatbot { identity { isRequired secretEnding } }' },
    );
    expect(answer).toMatchObject({ chatbot: { identity: { isRequired: true, secretEnding: secret.slice(-4) } } });
    expect((await request(undefined)).status).toBe(400);
    expect((await request(await sign(secret, { user_id: 'u-1' }))).status).toBe(201);
    const rows = JSON.stringify(await gateway.deps.db.read.selectFrom('identity_secrets').selectAll().execute());
    expect(rows).not.toContain(secret);
  });
});
