import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { toJson } from '../../src/domain/json.ts';
import { WEBHOOK_EVENTS, type WebhookEventName } from '../../src/domain/webhooks.ts';
import { composeBody } from '../../src/webhooks/body.ts';
import { placeOfSample, WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';
import { createSecret } from '../../src/webhooks/secret.ts';

const readPage = () => readFile(fileURLToPath(new URL('../../docs/webhooks.md', import.meta.url)), 'utf8');
const NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

it('lists every event with the fields that it has', async () => {
  const rows = [...(await readPage()).matchAll(/^\| `(\w+\.\w+)` \|.*\| (`.*`) \|$/gm)];
  const listed = rows.map(([, name, fields = '']) => [
    name,
    [...fields.matchAll(/`(\w+)`/g)].map(([, field]) => field),
  ]);
  expect(listed).toEqual(NAMES.map((name) => [WEBHOOK_EVENTS[name], Object.keys(WEBHOOK_SAMPLES[name].data)]));
});

it('shows a body as it is sent', async () => {
  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(await readPage()) ?? [];
  const data = toJson(WEBHOOK_SAMPLES.LEAD_CAPTURED.data);
  const sent = composeBody({ name: 'LEAD_CAPTURED', ...placeOfSample('LEAD_CAPTURED'), data });
  expect(JSON.stringify(JSON.parse(shown))).toBe(sent);
});

type IsGenuine = (secret: string, headers: Record<string, string | undefined>, body: Buffer) => boolean;

/** The function of the page, word for word. */
async function loadExample(): Promise<IsGenuine> {
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(await readPage()) ?? [];
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'verify.mjs');
  await writeFile(path, code);
  return ((await import(path)) as { isGenuine: IsGenuine }).isGenuine;
}

it('has an example that takes what is signed, and nothing else', async () => {
  const isGenuine = await loadExample();
  const secret = createSecret();
  const body = Buffer.from('{"event":"message.received","data":{"message":"Grüße 📦"}}');
  const now = Math.floor(Date.now() / 1_000);
  const sign = (by: string, timestamp = now, id = 'one') => {
    const key = Buffer.from(by.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  };
  const headersOf = (signature: string | undefined, timestamp: number | string = now, id = 'one') => ({
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signature,
  });
  const good = sign(secret);
  expect(isGenuine(secret, headersOf(good), body)).toBe(true);
  expect(isGenuine(secret, headersOf(`${sign(createSecret())} ${good}`), body)).toBe(true);
  expect(isGenuine(secret, headersOf(sign(secret, now - 290), now - 290), body)).toBe(true);

  const wrong = [
    headersOf(undefined),
    headersOf(''),
    headersOf('v1,'),
    headersOf(good.replace('v1', 'v2')),
    headersOf(sign(createSecret())),
    headersOf(`v1,${randomBytes(32).toString('base64')}`),
    headersOf(good, now, 'two'),
    headersOf(good, now - 1),
    headersOf(sign(secret, now - 310), now - 310),
    headersOf(sign(secret, now + 310), now + 310),
    headersOf(good, 'now'),
    {},
  ];
  expect(wrong.map((headers) => isGenuine(secret, headers, body))).toEqual(wrong.map(() => false));
  expect(isGenuine(secret, headersOf(good), Buffer.concat([body, Buffer.from(' ')]))).toBe(false);
});
