import { describe, expect, it, onTestFinished } from 'vitest';
import type { Conversation } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toJson } from '../../../src/domain/json.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { insertConversation } from '../../../src/store/conversations.ts';
import { endWaits } from '../../../src/store/inbox/waits.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { createManualClock } from '../../helpers/clock.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { expectPages, type ListPage } from '../../helpers/lists.ts';
import { mutate } from '../support.ts';

type List = ListPage<{ readonly sessionId: string }>;

const LIST = 'nodes { sessionId } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';
const ARGUMENTS = '$filter: ConversationFilter, $orderBy: ConversationOrder';
const PAGE = '$first: Int, $after: String, $last: Int, $before: String';
const PASS = 'filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before';
const OF_ACCOUNT = `query (${ARGUMENTS}, ${PAGE}) { list: conversations(${PASS}) { ${LIST} } }`;
const OF_CHATBOT = `query ($id: ID!, ${ARGUMENTS}, ${PAGE}) {
  chatbot(id: $id) { list: conversations(${PASS}) { ${LIST} } }
}`;

const clock = createManualClock();
const now = clock.now();
const minutesAgo = (minutes: number) => toTimestamp(now - minutes * 60_000);

/** Opens a gateway with two chatbots, and a function that stores a conversation. */
async function open() {
  const gateway = await startGateway({ overrides: { clock } });
  onTestFinished(() => gateway.close());
  const chatbotIds = [await createChatbot(gateway), await createChatbot(gateway)] as const;
  const { data } = await gateway.graphql<{ viewer: { account: { id: string } } }>('{ viewer { account { id } } }');
  const accountId = data.viewer.account.id;
  const insert = async (conversations: readonly (Partial<Conversation> & { sessionId: string })[]) => {
    await gateway.deps.db.transaction(async (trx) => {
      for (const conversation of conversations) {
        const createdAt = conversation.createdAt ?? minutesAgo(1_000);
        await insertConversation(trx, {
          ...{ id: createId('conversation'), accountId, chatbotId: chatbotIds[0], channel: 'API', status: 'OPEN' },
          ...{ silentUntil: null, assignee: null, escalatedAt: null, escalationReason: null, unreadCount: 0 },
          ...{ visitorUnreadCount: 0, visitorId: null, assignedMemberId: null },
          ...{ unreadSince: null, readUntil: '', closedAt: null, firstAgentReplyAt: null, labels: [] },
          ...{ priority: 'NORMAL', snoozedUntil: null, metadata: toJson({}) },
          ...{ createdAt, updatedAt: createdAt, lastMessageAt: createdAt, ...conversation },
        });
      }
    });
  };
  return { gateway, chatbotIds, insert };
}

async function list(gateway: TestGateway, variables: object, key?: string) {
  const { data, errors } = await gateway.graphql<{ list: List }>(OF_ACCOUNT, variables, key);
  if (errors) throw new Error(JSON.stringify(errors));
  return data.list;
}

const namesOf = ({ nodes }: List) => nodes.map(({ sessionId }) => sessionId).join(' ');

describe('conversations', () => {
  it('lists the conversations that meet a filter, of all chatbots and of one', async () => {
    const { gateway, chatbotIds, insert } = await open();
    const [one, two] = chatbotIds;
    const at = minutesAgo(30);
    const metadata = toJson({ plan: 'pro', seats: 3, trial: true, 'a"b': '$x', nested: { plan: 'pro' } });
    // Texts that Postgres refuses to read, and numbers that SQLite writes in another way.
    const unusual = toJson({
      '\0': 'x\0\\u0000',
      '\ud800': '\udc00',
      'a"b': 1e21,
      small: 1e-7,
      exact: 0.1234567890123456,
    });
    await insert([
      { sessionId: 'a', lastMessageAt: minutesAgo(9), status: 'ESCALATED', unreadCount: 2, unreadSince: at },
      { sessionId: 'b', lastMessageAt: minutesAgo(8), silentUntil: minutesAgo(-5), assignee: 'Ada', metadata },
      { sessionId: 'c', lastMessageAt: minutesAgo(7), silentUntil: minutesAgo(5), unreadCount: 1, unreadSince: at },
      {
        sessionId: 'd',
        lastMessageAt: minutesAgo(6),
        status: 'CLOSED',
        labels: ['billing', 'a"b'],
        channel: 'GRAPHQL',
        metadata: unusual,
      },
      { sessionId: 'e', lastMessageAt: minutesAgo(5), chatbotId: two, labels: ['vip'], priority: 'URGENT' },
      { sessionId: 'a', lastMessageAt: minutesAgo(4), chatbotId: two, assignee: 'Bob' },
    ]);
    const cases: readonly [object | undefined, string][] = [
      [undefined, 'a e d c b a'],
      [{}, 'a e d c b a'],
      [{ statuses: null }, 'a e d c b a'],
      [{ statuses: [] }, ''],
      [{ chatbotIds: [two] }, 'a e'],
      [{ chatbotIds: [two, one, two] }, 'a e d c b a'],
      [{ chatbotIds: [createId('chatbot'), 'nonsense'] }, ''],
      [{ statuses: ['ESCALATED', 'CLOSED'] }, 'd a'],
      [{ statuses: ['OPEN', 'ESCALATED', 'CLOSED'], chatbotIds: [one] }, 'd c b a'],
      [{ answeredBy: 'AGENT' }, 'b'],
      [{ answeredBy: 'AGENT', chatbotIds: [two] }, ''],
      [{ answeredBy: 'ASSISTANT' }, 'a e d c a'],
      [{ assignee: 'Ada' }, 'b'],
      [{ assignee: ' Ada\t' }, 'b'],
      [{ isUnassigned: true }, 'e d c a'],
      [{ isUnassigned: false, statuses: ['OPEN'] }, 'a b'],
      [{ hasUnread: true }, 'c a'],
      [{ hasUnread: true, chatbotIds: [two] }, ''],
      [{ hasUnread: false }, 'a e d b'],
      [{ channels: ['GRAPHQL', 'CHAT_PAGE'] }, 'd'],
      [{ sessionId: 'a' }, 'a a'],
      [{ sessionId: ' a ', chatbotIds: [two] }, 'a'],
      [{ labels: [' vip', 'a"b'] }, 'e d'],
      [{ labels: ['b'] }, ''],
      [{ priority: 'URGENT' }, 'e'],
      [
        {
          lastMessageAt: {
            since: minutesAgo(8).slice(0, 19).concat('Z'),
            until: minutesAgo(6).slice(0, 19).concat('Z'),
          },
        },
        'c b',
      ],
      [
        {
          metadata: [
            { key: 'plan', value: 'pro' },
            { key: 'seats', value: '3' },
            { key: 'trial', value: 'true' },
          ],
        },
        'b',
      ],
      [{ metadata: [{ key: 'a"b', value: '$x' }] }, 'b'],
      [{ metadata: [{ key: '$x', value: 'pro' }] }, ''],
      [{ metadata: [{ key: '\0', value: 'x\0\\u0000' }] }, 'd'],
      [
        {
          metadata: [
            { key: 'a"b', value: '1e+21' },
            { key: 'small', value: '1e-7' },
            { key: 'exact', value: '0.1234567890123456' },
          ],
        },
        'd',
      ],
      [{ metadata: [{ key: 'nested', value: '{"plan":"pro"}' }] }, ''],
      [{ hasLead: true }, ''],
      [{ hasLead: false, rating: 'UP' }, ''],
    ];
    for (const [filter, expected] of cases) {
      const found = await list(gateway, { filter });
      expect([filter, namesOf(found), found.totalCount]).toEqual([
        filter,
        expected,
        expected.split(' ').filter(Boolean).length,
      ]);
    }
    const { data } = await gateway.graphql<{ chatbot: { list: List } }>(OF_CHATBOT, {
      id: one,
      filter: { hasUnread: true },
    });
    expect([namesOf(data.chatbot.list), data.chatbot.list.totalCount]).toEqual(['c a', 2]);
    const other = await gateway.graphql<{ chatbot: { list: List } }>(OF_CHATBOT, {
      id: one,
      filter: { chatbotIds: [two] },
    });
    expect(namesOf(other.data.chatbot.list)).toBe('');
    const { key } = await gateway.createTenant();
    expect(namesOf(await list(gateway, { filter: { chatbotIds: [one] } }, key))).toBe('');
    expect(namesOf(await list(gateway, {}, key))).toBe('');
    await mutate(gateway, 'deleteChatbot', { id: two });
    expect(namesOf(await list(gateway, {}))).toBe('d c b a');
  });

  it('reads every page of every order, forwards and backwards, also where times are equal', async () => {
    const { gateway, chatbotIds, insert } = await open();
    const conversations = Array.from({ length: 9 }, (_, index) => ({
      sessionId: `${index}`,
      chatbotId: chatbotIds[index % 2] ?? '',
      createdAt: minutesAgo(100 + ((index * 4) % 9)),
      lastMessageAt: minutesAgo(Math.floor(index / 2)),
      status: index % 3 === 0 ? ('ESCALATED' as const) : ('OPEN' as const),
      unreadCount: 1,
      unreadSince: minutesAgo(50 + ((index * 7) % 9)),
    }));
    await insert(conversations);
    for (const field of ['LAST_MESSAGE_AT', 'CREATED_AT', 'WAITING_SINCE']) {
      for (const direction of ['ASC', 'DESC']) {
        for (const filter of [
          undefined,
          { chatbotIds: [...chatbotIds] },
          { hasUnread: true },
          { priority: 'NORMAL' },
        ]) {
          const orderBy = { field, direction };
          const { nodes } = await list(gateway, { orderBy, filter, first: 100 });
          expect(nodes).toHaveLength(field === 'WAITING_SINCE' ? 3 : 9);
          await expectPages((args) => list(gateway, args), { orderBy, filter }, nodes);
        }
      }
    }
    // The times of creation are in another order than the ids, as if the clock had been set back.
    expect(namesOf(await list(gateway, { orderBy: { field: 'CREATED_AT', direction: 'ASC' } }))).toBe(
      '0 1 2 3 4 5 6 7 8',
    );
    expect(namesOf(await list(gateway, { orderBy: { field: 'WAITING_SINCE', direction: 'ASC' } }))).toBe('6 3 0');
    const ofOne = await gateway.graphql<{ chatbot: { list: List } }>(OF_CHATBOT, {
      id: chatbotIds[1],
      orderBy: { field: 'CREATED_AT' },
    });
    expect(namesOf(ofOne.data.chatbot.list)).toBe('7 5 3 1');
  });

  it('refuses the cursor of another order, and filters beyond their limits', async () => {
    const { gateway, insert } = await open();
    await insert([{ sessionId: 'a' }]);
    const { endCursor } = (await list(gateway, {})).pageInfo;
    const cursorOf = async (orderBy: object) => (await list(gateway, { orderBy })).pageInfo.endCursor;
    const refused: object[] = [
      { after: endCursor, orderBy: { field: 'CREATED_AT' } },
      { after: endCursor, orderBy: { direction: 'ASC' } },
      { after: 'nonsense' },
      { after: `${endCursor}A` },
      { after: endCursor?.slice(0, -1) },
      { after: await cursorOf({ field: 'CREATED_AT' }) },
      { after: await cursorOf({ field: 'CREATED_AT' }), orderBy: { field: 'CREATED_AT', direction: 'ASC' } },
      { after: await cursorOf({ field: 'CREATED_AT', direction: 'ASC' }), orderBy: { field: 'CREATED_AT' } },
      { after: Buffer.alloc(23, 255).toString('base64url') },
      { first: 101 },
      { filter: { labels: Array(101).fill('a') } },
      { filter: { chatbotIds: Array(101).fill('a') } },
      { filter: { metadata: Array(11).fill({ key: 'a', value: 'b' }) } },
      { filter: { assignee: 'a'.repeat(256) } },
      ...['2026-02-30T00:00:00Z', '2026-03-15T24:00:00Z', '9999-12-31T23:59:59-12:00', '0000-01-01T00:00:00+01:00'].map(
        (since) => ({ filter: { lastMessageAt: { since } } }),
      ),
    ];
    for (const variables of refused) {
      const { errors } = await gateway.graphql(OF_ACCOUNT, variables);
      expect([variables, errors?.[0]?.extensions?.code]).toEqual([variables, 'BAD_USER_INPUT']);
    }
  });

  it('ends a page early when the conversations that meet its filter are rare, and finds them all', async () => {
    const { gateway, insert } = await open();
    const many = Array.from({ length: 10_350 }, (_, index) => ({
      sessionId: `${index}`,
      lastMessageAt: toTimestamp(now - index),
      priority: index % 5_170 === 5_000 ? ('URGENT' as const) : ('NORMAL' as const),
    }));
    await insert(many);
    const filter = { priority: 'URGENT' };
    const first = await list(gateway, { filter });
    expect([namesOf(first), first.pageInfo.hasNextPage, first.totalCount]).toEqual(['5000', true, 2]);
    const second = await list(gateway, { filter, after: first.pageInfo.endCursor });
    expect([namesOf(second), second.pageInfo.hasNextPage]).toEqual(['10170', false]);
    const last = await list(gateway, { filter, last: 1, before: second.pageInfo.startCursor });
    expect([namesOf(last), last.pageInfo.hasPreviousPage]).toEqual(['5000', true]);
  });

  it('counts what needs people, and takes those out of the waiting whose chatbot answers again', async () => {
    const { gateway, chatbotIds, insert } = await open();
    const [one, two] = chatbotIds;
    const unread = { unreadCount: 1, unreadSince: minutesAgo(3) };
    await insert([
      { sessionId: 'a', status: 'ESCALATED', ...unread },
      { sessionId: 'b', silentUntil: minutesAgo(-5), assignee: 'Ada', ...unread },
      { sessionId: 'c', silentUntil: minutesAgo(5), ...unread },
      { sessionId: 'd', status: 'CLOSED', assignee: 'Ada', ...unread },
      { sessionId: 'e', chatbotId: two },
    ]);
    const count = async (chatbotIds?: readonly string[], key?: string) => {
      const { data } = await gateway.graphql<{ viewer: { account: { inbox: object } } }>(
        `query ($chatbotIds: [ID!]) {
          viewer { account { inbox(chatbotIds: $chatbotIds) { open escalated withAgent unassigned unread } } }
        }`,
        { chatbotIds },
        key,
      );
      return Object.values(data.viewer.account.inbox);
    };
    expect(await count()).toEqual([3, 1, 1, 3, 3]);
    expect(await count([two])).toEqual([1, 0, 0, 1, 0]);
    expect(await count([])).toEqual([0, 0, 0, 0, 0]);
    const { key } = await gateway.createTenant();
    expect(await count([one, two], key)).toEqual([0, 0, 0, 0, 0]);
    const readWaiting = async () => {
      const rows = await gateway.deps.db.read
        .selectFrom('conversations')
        .select('session_id')
        .where('waiting_since', 'is not', null)
        .orderBy('session_id')
        .execute();
      return rows.map(({ session_id }) => session_id).join(' ');
    };
    const waiting = { orderBy: { field: 'WAITING_SINCE', direction: 'ASC' } };
    expect([namesOf(await list(gateway, waiting)), await readWaiting()]).toEqual(['a b', 'a b c']);
    for (const [assignee, expected] of [
      ['Ada', 'b'],
      ['Ben', ''],
    ]) {
      expect(namesOf(await list(gateway, { ...waiting, filter: { assignee } }))).toBe(expected);
    }
    await endWaits(gateway.deps.db, toTimestamp(now), new AbortController().signal);
    expect([namesOf(await list(gateway, waiting)), await readWaiting()]).toEqual(['a b', 'a b']);
  });
});
