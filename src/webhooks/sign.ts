import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';

/** The input of a delivery's signatures. */
export interface SigningInput {
  /** The event's id, the same for each attempt. */
  readonly id: string;
  /** The time of the attempt in Unix seconds. */
  readonly timestamp: number;
  readonly body: string;
  /** All valid secrets, the newest first; at least one. */
  readonly secrets: readonly string[];
}

/**
 * Signs a delivery in two ways. The REST API's contract requires one signature of the body alone, keyed with the text
 * of the newest secret. Standard Webhooks requires one signature per secret, keyed with the secret's decoded bytes.
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
