import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { createKeyWith, ERROR, mutate } from '../support.ts';

interface Result {
  readonly __typename: string;
  readonly conversation?: {
    readonly id: string;
    readonly status: string;
    readonly assignee: string | null;
    readonly labels: readonly string[];
    readonly priority: string;
    readonly snoozedUntil: string | null;
  };
  readonly code?: string;
}

const FIELDS = 'id status answeredBy assignee labels priority snoozedUntil';
const RESULTS = `results { __typename ... on UpdateConversationPayload { conversation { ${FIELDS} } } ${ERROR} }`;

const clock = createManualClock();
let gateway: TestGateway;
let chatbotId: string;

beforeAll(async () => {
  gateway = await startGateway({ overrides: { clock } });
  chatbotId = await createChatbot(gateway);
});
afterAll(() => gateway.close());

const start = async () => (await send(gateway, { chatbotId, content: 'Hi' })).conversationId;

async function update(ids: readonly string[], fields: object): Promise<readonly Result[]> {
  const answer = await mutate<{ results: Result[] }>(
    gateway,
    'updateConversations',
    { ids, ...fields },
    { selection: RESULTS },
  );
  return answer.results ?? [answer as unknown as Result];
}

async function readChanges(id: string): Promise<string[]> {
  const { data } = await gateway.graphql<{ conversation: { activities: { nodes: { changes: string[] }[] } } }>(
    'query ($id: ID!) { conversation(id: $id) { activities { nodes { changes } } } }',
    { id },
  );
  return data.conversation.activities.nodes.map(({ changes }) => changes.join(' '));
}

describe('updateConversations', () => {
  it('sets and clears each field, keeps absent ones, and records what has changed', async () => {
    const id = await start();
    const [set] = await update([id], {
      assignee: 'Ada',
      labels: ['billing', ' vip ', 'billing'],
      priority: 'URGENT',
      snoozedUntil: '2026-03-16T08:00:00Z',
    });
    const snoozedUntil = '2026-03-16T08:00:00.000Z';
    const state = { id, status: 'OPEN', assignee: 'Ada', labels: ['billing', 'vip'], priority: 'URGENT', snoozedUntil };
    expect(set).toMatchObject({ __typename: 'UpdateConversationPayload', conversation: state });
    expect((await update([id], { priority: 'URGENT', labels: ['billing', 'vip'] }))[0]?.conversation).toMatchObject(
      state,
    );
    expect((await update([id], { labels: ['vip'] }))[0]?.conversation).toMatchObject({ ...state, labels: ['vip'] });
    for (const priority of ['LOW', 'HIGH']) {
      expect((await update([id], { priority }))[0]?.conversation).toMatchObject({ priority });
    }
    const cleared = { assignee: null, labels: [], priority: 'NORMAL', snoozedUntil: null };
    expect((await update([id], { ...cleared, labels: null, priority: null }))[0]?.conversation).toMatchObject(cleared);
    const setOrCleared = 'ASSIGNED LABELLED SNOOZED';
    expect(await readChanges(id)).toEqual([setOrCleared, ...Array(3).fill('LABELLED'), setOrCleared]);
  });

  it('changes the status as the mutation of that name does', async () => {
    const id = await start();
    await update([id], { status: 'ESCALATED', assignee: 'Ada', snoozedUntil: '2026-03-16T08:00:00Z' });
    const [handedBack] = await update([id], { status: 'OPEN' });
    expect(handedBack?.conversation).toMatchObject({ status: 'OPEN', assignee: null });
    await mutate(gateway, 'sendAgentMessage', { conversationId: id, content: 'Ada here.' });
    const [closed] = await update([id], { status: 'CLOSED' });
    expect(closed?.conversation).toMatchObject({ status: 'CLOSED', answeredBy: 'ASSISTANT', snoozedUntil: null });
    await update([id], { status: 'CLOSED' });
    expect((await update([id], { status: 'OPEN' }))[0]?.conversation).toMatchObject({ status: 'OPEN' });
    expect(await readChanges(id)).toEqual([
      'ESCALATED ASSIGNED SNOOZED',
      'HANDED_BACK ASSIGNED',
      'TAKEN_OVER',
      'HANDED_BACK CLOSED SNOOZED',
      'REOPENED',
    ]);
  });

  it('answers for each id in order, and updates those that it can', async () => {
    const [open, closed] = [await start(), await start()];
    await update([closed], { status: 'CLOSED' });
    const other = await gateway.createTenant();
    const foreignChatbot = await createChatbot(gateway, { key: other.key });
    const { conversationId: foreign } = await send(gateway, { chatbotId: foreignChatbot, content: 'Hi' }, other.key);
    const ids = [closed, createId('conversation'), open.toUpperCase(), foreign, 'nonsense', open];
    const results = await update(ids, { snoozedUntil: '2026-03-16T08:00:00Z' });
    expect(results.map(({ conversation, code }) => conversation?.id ?? code)).toEqual([
      ...['INVALID_INPUT', 'NOT_FOUND', open, 'NOT_FOUND', 'NOT_FOUND', open],
    ]);
    expect(results[0]).toMatchObject({ fields: [{ path: ['snoozedUntil'] }] });
    expect(results[1]).toEqual(results[3]);
    expect(await readChanges(open)).toEqual(['SNOOZED']);
    expect((await update([closed], { status: 'OPEN', snoozedUntil: '2026-03-16T08:00:00Z' }))[0]).toMatchObject({
      conversation: { status: 'OPEN' },
    });
  });

  it('answers for up to 100 ids', async () => {
    const different = [await start(), await start(), await start()];
    const ids = Array.from({ length: 100 }, (_, n) => different[n % 3] ?? '');
    const results = await update(ids, { labels: ['bulk'] });
    expect(results.map(({ conversation }) => [conversation?.id, conversation?.labels])).toEqual(
      ids.map((id) => [id, ['bulk']]),
    );
    expect(await update([...ids, ids[0] ?? ''], { labels: ['bulk'] })).toMatchObject([
      { code: 'INVALID_INPUT', fields: [{ path: ['ids'] }] },
    ]);
  });

  it.each([
    ['ids', [], { priority: 'LOW' }],
    ['', undefined, {}],
    ['status', undefined, { status: null }],
    ['assignee', undefined, { assignee: ' ' }],
    ['labels.0', undefined, { labels: [''] }],
    ['labels.1', undefined, { labels: ['a', 'x'.repeat(51)] }],
    ['labels', undefined, { labels: Array.from({ length: 21 }, (_, n) => `${n}`) }],
    ['snoozedUntil', undefined, { snoozedUntil: '2026-03-15T10:30:00Z' }],
  ])('rejects invalid input in "%s", and changes nothing', async (path, ids, fields) => {
    const id = await start();
    const [error] = await update(ids ?? [id], { ...fields });
    expect(error).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: path === '' ? [] : path.split('.') }] });
    expect(await readChanges(id)).toEqual([]);
  });

  it('needs MANAGE', async () => {
    const key = await createKeyWith(gateway, 'READ', 'CHAT');
    const document =
      'mutation ($input: UpdateConversationsInput!) { updateConversations(input: $input) { __typename } }';
    const { errors } = await gateway.graphql(document, { input: { ids: [await start()], priority: 'LOW' } }, key);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });
});
