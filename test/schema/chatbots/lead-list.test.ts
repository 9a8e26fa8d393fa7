import { describe, expect, it } from 'vitest';
import type { Lead } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toJson } from '../../../src/domain/json.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { insertLead } from '../../../src/store/leads.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { createListReader, expectPages, type ListPage } from '../../helpers/lists.ts';
import { createKeyWith, mutate, openGateway } from '../support.ts';

type Node = Pick<Lead, 'name'>;

/** Opens an account with two chatbots, functions that store leads, and functions that read the lists. */
async function open() {
  const gateway = await openGateway();
  const [one, two] = [await createChatbot(gateway), await createChatbot(gateway)];
  const { conversationId } = await send(gateway, { chatbotId: one, content: 'Hello' });
  const now = gateway.deps.clock.now();
  const minutesAgo = (minutes: number) => toTimestamp(now - minutes * 60_000);
  const insert = (leads: readonly Partial<Lead>[]) =>
    gateway.deps.db.transaction(async (trx) => {
      for (const lead of leads) {
        await insertLead(trx, {
          ...{ id: createId('lead'), accountId: gateway.accountId, chatbotId: one },
          ...{ conversationId, name: null, email: null, phone: null },
          ...{ customData: toJson({}), createdAt: minutesAgo(0), ...lead },
        });
      }
    });
  const list = { type: 'Lead', selection: 'name' };
  const ofAccount = createListReader<Node>(gateway, { ...list, path: ['leads'] });
  const ofOne = createListReader<Node>(gateway, { ...list, path: [`chatbot(id: "${one}")`, 'leads'] });
  return { gateway, one, two, minutesAgo, insert, ofAccount, ofOne };
}

const namesOf = ({ nodes }: ListPage<Node>) => nodes.map(({ name }) => name).join(' ');

describe('leads', () => {
  it('lists the leads that meet a filter, of all chatbots and of one', async () => {
    const { gateway, one, two, minutesAgo, insert, ofAccount, ofOne } = await open();
    const customData = toJson({ company: 'Acme', seats: 3, trial: true });
    await insert([
      { name: 'Ada', email: 'Ada@example.com', createdAt: minutesAgo(9) },
      { name: 'Bob', email: 'bob@example.org', phone: '+49 30 1234', chatbotId: two, createdAt: minutesAgo(8) },
      { name: 'ÉMILE%', phone: '555_1', customData, createdAt: minutesAgo(7) },
      { name: 'Dora', email: 'ada@example.com', chatbotId: two, customData: toJson({ company: 'a\0b', x: 'y' }) },
    ]);
    const iso = (minutes: number) => `${minutesAgo(minutes).slice(0, 23)}Z`;
    const cases: readonly [object | undefined | null, string][] = [
      [undefined, 'Dora ÉMILE% Bob Ada'],
      [null, 'Dora ÉMILE% Bob Ada'],
      [{}, 'Dora ÉMILE% Bob Ada'],
      [{ query: null, createdAt: {} }, 'Dora ÉMILE% Bob Ada'],
      [{ chatbotIds: [one] }, 'ÉMILE% Ada'],
      [{ chatbotIds: [two, one, two] }, 'Dora ÉMILE% Bob Ada'],
      [{ chatbotIds: [createId('chatbot'), 'nonsense'] }, ''],
      [{ chatbotIds: [] }, ''],
      [{ query: 'aDa' }, 'Dora Ada'],
      [{ query: 'ÉmIlE' }, 'ÉMILE%'],
      [{ query: 'émile' }, ''],
      [{ query: '1234' }, 'Bob'],
      [{ query: '@EXAMPLE.' }, 'Dora Bob Ada'],
      // The characters of patterns stand for themselves.
      [{ query: '%' }, 'ÉMILE%'],
      [{ query: '5_1' }, 'ÉMILE%'],
      [{ query: 'a\0' }, ''],
      [{ email: 'ADA@EXAMPLE.COM' }, 'Dora Ada'],
      [{ email: 'ada@example.com', chatbotIds: [one] }, 'Ada'],
      [{ email: 'ada@example' }, ''],
      [{ email: '' }, ''],
      [{ createdAt: { since: iso(8), until: iso(7) } }, 'Bob'],
      [{ createdAt: { since: iso(7) } }, 'Dora ÉMILE%'],
      [{ createdAt: { until: iso(8) } }, 'Ada'],
      [
        {
          customData: [
            { key: 'company', value: 'Acme' },
            { key: 'seats', value: '3' },
            { key: 'trial', value: 'true' },
          ],
        },
        'ÉMILE%',
      ],
      [{ customData: [{ key: 'company', value: 'acme' }] }, ''],
      [{ customData: [] }, 'Dora ÉMILE% Bob Ada'],
    ];
    for (const [filter, expected] of cases) {
      const [found, foundOfOne] = [await ofAccount.read({ filter }), await ofOne.read({ filter })];
      expect([filter, namesOf(found)]).toEqual([filter, expected]);
      const expectedOfOne = expected.split(' ').filter((name) => ['ÉMILE%', 'Ada'].includes(name));
      expect([filter, namesOf(foundOfOne)]).toEqual([filter, expectedOfOne.join(' ')]);
      expect([found.totalCount, foundOfOne.totalCount]).toEqual([found.nodes.length, foundOfOne.nodes.length]);
    }
    const { key } = await gateway.createTenant();
    expect(namesOf(await ofAccount.read({ filter: { chatbotIds: [one] } }, key))).toBe('');
    expect(namesOf(await ofAccount.read({ filter: { email: 'ada@example.com' } }, key))).toBe('');
    await mutate(gateway, 'deleteChatbot', { id: two });
    expect(namesOf(await ofAccount.read({}))).toBe('ÉMILE% Ada');
    expect(namesOf(await ofAccount.read({ filter: { email: 'ada@example.com' } }))).toBe('Ada');
  });

  it('reads every page in both directions, by ids and not by the clock', async () => {
    const { one, two, minutesAgo, insert, ofAccount, ofOne } = await open();
    await insert(
      Array.from({ length: 7 }, (_, index) => ({
        name: `${index}`,
        email: 'a@example.com',
        chatbotId: index % 2 === 0 ? one : two,
        createdAt: minutesAgo((index * 4) % 3),
      })),
    );
    const expected = ['0', '1', '2', '3', '4', '5', '6'].map((name) => ({ name }));
    for (const filter of [undefined, { chatbotIds: [one, two] }, { query: 'EXAMPLE' }, { email: 'A@example.com' }]) {
      await expectPages(ofAccount.read, { filter }, expected.toReversed());
      await expectPages(ofAccount.read, { filter, orderBy: { direction: 'ASC' } }, expected);
    }
    const expectedOfOne = expected.filter((_, index) => index % 2 === 0);
    await expectPages(ofOne.read, { orderBy: {} }, expectedOfOne.toReversed());
    await expectPages(ofOne.read, { orderBy: { direction: 'ASC' } }, expectedOfOne);
  });

  it('refuses cursors of other lists and orders, filters beyond their limits, and keys without READ', async () => {
    const { gateway, insert, ofAccount, ofOne } = await open();
    await insert([{ name: 'Ada' }]);
    const [desc, asc] = [await ofAccount.read({}), await ofAccount.read({ orderBy: { direction: 'ASC' } })].map(
      ({ pageInfo }) => pageInfo.endCursor ?? '',
    ) as [string, string];
    const cursor = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
    const refused: object[] = [
      { after: desc, orderBy: { direction: 'ASC' } },
      { before: asc, last: 1 },
      { after: `${desc}A` },
      { after: `${asc}A`, orderBy: { direction: 'ASC' } },
      { after: Buffer.concat([Buffer.of(1, 65), Buffer.from(desc, 'base64url')]).toString('base64url') },
      { after: cursor(createId('conversation')) },
      { after: '' },
      { orderBy: { field: 'NAME' } },
      { filter: { chatbotIds: Array(101).fill('a') } },
      { filter: { customData: Array(11).fill({ key: 'a', value: 'b' }) } },
      { filter: { customData: [{ key: 'a', value: 'b'.repeat(256) }] } },
      { filter: { query: 'a'.repeat(256) } },
      { filter: { email: 'a'.repeat(256) } },
      { filter: { createdAt: { since: 'yesterday' } } },
    ];
    for (const args of refused) {
      expect([args, await ofAccount.codeOf(args)]).toEqual([args, 'BAD_USER_INPUT']);
      expect([args, await ofOne.codeOf(args)]).toEqual([args, 'BAD_USER_INPUT']);
    }
    const key = await createKeyWith(gateway, 'CHAT');
    const { errors } = await gateway.graphql('{ leads { totalCount } }', {}, key);
    expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });
});
