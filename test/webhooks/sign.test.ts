import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { createSecret } from '../../src/webhooks/secret.ts';
import { signDelivery } from '../../src/webhooks/sign.ts';

const id = '019a0000-0000-7000-8000-00000000000b';
const body = '{"event":"lead.captured","data":{"name":"Åse 😀"}}';
const now = () => Math.floor(Date.now() / 1_000);

describe('the signatures of a delivery', () => {
  it.each([
    ['standardwebhooks', Webhook],
    ['svix', SvixWebhook],
  ])('are accepted by %s, and rejected with another secret or body', (_name, Verifier) => {
    const secret = createSecret();
    const headers = signDelivery({ id, timestamp: now(), body, secrets: [secret] });
    expect(() => new Verifier(secret).verify(body, headers)).not.toThrow();
    expect(() => new Verifier(createSecret()).verify(body, headers)).toThrow();
    expect(() => new Verifier(secret).verify(`${body} `, headers)).toThrow();
    expect(() => new Verifier(secret).verify(body, { ...headers, 'webhook-id': 'other' })).toThrow();
  });

  it('are valid for both secrets during a rotation', () => {
    const secrets = [createSecret(), createSecret()];
    const headers = signDelivery({ id, timestamp: now(), body, secrets });
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    for (const secret of secrets) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  });

  it('contain the HMAC-SHA256 of the body, keyed with the text of the newest secret', () => {
    const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', createSecret()];
    const headers = signDelivery({ id: 'msg_1', timestamp: 1_614_265_330, body, secrets });
    expect(headers['X-InsiteChat-Signature']).toBe(
      createHmac('sha256', Buffer.from('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'utf8'))
        .update(Buffer.from(body, 'utf8'))
        .digest('hex'),
    );
  });

  it('match the example of Standard Webhooks', () => {
    const headers = signDelivery({
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    });
    expect(headers).toMatchObject({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });
});

it('creates a different secret of 32 bytes each time', () => {
  const [first, second] = [createSecret(), createSecret()];
  expect(first).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(first).not.toBe(second);
});
