import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** What is signed. */
export interface SigningInput {
  /** The event's: the same each time. */
  readonly id: string;
  /** Of the attempt, in Unix seconds. */
  readonly timestamp: number;
  readonly body: string;
  /** All that count, the newest first; one at least. */
  readonly secrets: readonly string[];
}

/**
 * Signs a delivery twice over: by the contract of the REST API, whose one signature is of the body alone, with the newest
 * secret as it is written; and by Standard Webhooks, with one signature for each secret, by the bytes that it stands for.
 */
export function signDelivery({ id, timestamp, body, secrets }: SigningInput): Record<string, string> {
  const [newest = ''] = secrets;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(PREFIX, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'X-InsiteChat-Signature': createHmac('sha256', newest).update(body).digest('hex'),
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures.join(' '),
  };
}
