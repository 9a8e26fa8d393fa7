import { expect, it, onTestFinished } from 'vitest';
import { trimSessions } from '../../src/visitors/trim-sessions.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { mutate } from '../schema/support.ts';
import { askWith, createPublicChatbot, openSession } from './support.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

it('deletes ended sessions with the visitors who never wrote, and keeps all others', async () => {
  const clock = createManualClock();
  const gateway = await startGateway({ overrides: { clock } });
  onTestFinished(() => gateway.close());
  const chatbotId = await createPublicChatbot(gateway);
  const [silent, writing] = [await openSession(gateway, chatbotId), await openSession(gateway, chatbotId)];
  const send = `mutation { sendMessage(input: { chatbotId: "${chatbotId}", content: "Hello" }) { __typename } }`;
  expect((await askWith(gateway, writing.token, send)).codes).toEqual([]);
  await mutate(gateway, 'createSessionToken', { chatbotId, visitor: { externalId: 'u-1' } });
  const listVisitors = async () => {
    const rows = await gateway.deps.db.read.selectFrom('visitors').select(['id', 'external_id']).execute();
    return rows.map(({ id, external_id }) => external_id ?? id).toSorted();
  };
  const trim = () => trimSessions(gateway.deps, new AbortController().signal);
  clock.advance(29 * DAY_MS);
  await trim();
  expect(await listVisitors()).toEqual(['u-1', silent.visitor_id, writing.visitor_id].toSorted());
  const recent = await openSession(gateway, chatbotId);
  clock.advance(2 * DAY_MS);
  await trim();
  expect(await listVisitors()).toEqual(['u-1', recent.visitor_id, writing.visitor_id].toSorted());
  const tokens = await gateway.deps.db.read.selectFrom('session_tokens').select('visitor_id').execute();
  expect(tokens).toEqual([{ visitor_id: recent.visitor_id }]);
});
