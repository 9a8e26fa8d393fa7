import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { toJson } from '../../src/domain/json.ts';
import { WEBHOOK_EVENTS, type WebhookEventName } from '../../src/domain/webhooks.ts';
import { buildDefaultBody } from '../../src/webhooks/body.ts';
import { displayedSampleContext, WEBHOOK_SAMPLES } from '../../src/webhooks/samples.ts';

const readPage = () => readFile(fileURLToPath(new URL('../../docs/webhooks.md', import.meta.url)), 'utf8');
const NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

it('docs/webhooks.md lists every event with its fields', async () => {
  const rows = [...(await readPage()).matchAll(/^\| `(\w+\.\w+)` \|.*\| (`.*`) \|$/gm)];
  const listed = rows.map(([, name, fields = '']) => [
    name,
    [...fields.matchAll(/`(\w+)`/g)].map(([, field]) => field),
  ]);
  expect(listed).toEqual(NAMES.map((name) => [WEBHOOK_EVENTS[name], Object.keys(WEBHOOK_SAMPLES[name].data)]));
});

it('docs/webhooks.md shows a body exactly as the gateway sends it', async () => {
  const [, shown = ''] = /```json\n([\s\S]*?)```/.exec(await readPage()) ?? [];
  const data = toJson(WEBHOOK_SAMPLES.LEAD_CAPTURED.data);
  const sent = buildDefaultBody({ name: 'LEAD_CAPTURED', ...displayedSampleContext('LEAD_CAPTURED'), data });
  expect(JSON.stringify(JSON.parse(shown))).toBe(sent);
});
