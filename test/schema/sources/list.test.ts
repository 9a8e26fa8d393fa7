import { describe, expect, it } from 'vitest';
import type { Source } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { insertSource } from '../../../src/store/sources.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { createListReader, expectPages, type ListPage } from '../../helpers/lists.ts';
import { openGateway } from '../support.ts';

type Node = Pick<Source, 'title'>;

/** Opens an account with a chatbot, a function that stores sources, and functions that read the list. */
async function open() {
  const gateway = await openGateway();
  const chatbotId = await createChatbot(gateway);
  const now = gateway.deps.clock.now();
  const minutesAgo = (minutes: number) => toTimestamp(now - minutes * 60_000);
  const insert = (sources: readonly (Partial<Source> & Node)[]) =>
    gateway.deps.db.transaction(async (trx) => {
      for (const source of sources) {
        await insertSource(trx, {
          ...{ id: createId('source'), accountId: gateway.accountId, chatbotId, type: 'TEXT', url: null },
          ...{ status: 'DONE', error: null, pageCount: 1, createdAt: minutesAgo(0), updatedAt: minutesAgo(0) },
          ...source,
        });
      }
    });
  const listOf = (id: string) =>
    createListReader<Node>(gateway, { type: 'Source', selection: 'title', path: [`chatbot(id: "${id}")`, 'sources'] });
  return { gateway, chatbotId, minutesAgo, insert, ofChatbot: listOf(chatbotId), listOf };
}

const titlesOf = ({ nodes }: ListPage<Node>) => nodes.map(({ title }) => title).join(' ');

describe('Chatbot.sources', () => {
  it('lists the sources that meet a filter, in every order', async () => {
    const { gateway, chatbotId, minutesAgo, insert, ofChatbot, listOf } = await open();
    const other = await createChatbot(gateway);
    await insert([
      { title: 'Prices', updatedAt: minutesAgo(1) },
      { title: 'opening', type: 'QA', updatedAt: minutesAgo(3) },
      { title: 'PRIVACY%', status: 'FAILED', updatedAt: minutesAgo(2) },
      { title: 'Éclair', type: 'QA', status: 'FAILED', updatedAt: minutesAgo(4) },
      { title: 'Foreign', chatbotId: other },
    ]);
    const iso = (minutes: number) => `${minutesAgo(minutes).slice(0, 23)}Z`;
    const cases: readonly [object | null | undefined, string][] = [
      [undefined, 'Éclair PRIVACY% opening Prices'],
      [null, 'Éclair PRIVACY% opening Prices'],
      [{ types: null, title: null }, 'Éclair PRIVACY% opening Prices'],
      [{ statuses: ['FAILED'] }, 'Éclair PRIVACY%'],
      [{ statuses: ['DONE', 'FAILED', 'DONE'] }, 'Éclair PRIVACY% opening Prices'],
      [{ statuses: [] }, ''],
      [{ types: ['QA'] }, 'Éclair opening'],
      [{ types: [] }, ''],
      [{ types: ['QA'], statuses: ['DONE'] }, 'opening'],
      [{ title: 'PRI' }, 'PRIVACY% Prices'],
      [{ title: 'ÉC' }, 'Éclair'],
      [{ title: '%' }, 'PRIVACY%'],
      [{ title: '_' }, ''],
      [{ updatedAt: { since: iso(3), until: iso(1) } }, 'PRIVACY% opening'],
      [{ updatedAt: { since: iso(2) }, statuses: ['DONE'] }, 'Prices'],
    ];
    for (const [filter, expected] of cases) {
      for (const field of ['CREATED_AT', 'UPDATED_AT', 'TITLE']) {
        const found = await ofChatbot.read({ filter, orderBy: { field } });
        const titles = field === 'CREATED_AT' ? titlesOf(found) : titlesOf(found).split(' ').sort().join(' ');
        const sorted = field === 'CREATED_AT' ? expected : expected.split(' ').sort().join(' ');
        expect([filter, field, titles, found.totalCount]).toEqual([filter, field, sorted, found.nodes.length]);
      }
    }
    const inOrder = async (field: string, direction?: string) =>
      titlesOf(await ofChatbot.read({ orderBy: { field, direction } }));
    expect(await inOrder('UPDATED_AT')).toBe('Prices PRIVACY% opening Éclair');
    expect(await inOrder('TITLE', 'ASC')).toBe('opening Prices PRIVACY% Éclair');
    expect(await inOrder('TITLE', 'DESC')).toBe('Éclair PRIVACY% Prices opening');
    expect(titlesOf(await listOf(other).read({ orderBy: { field: 'TITLE' } }))).toBe('Foreign');
    const { key } = await gateway.createTenant();
    const { data } = await gateway.graphql(`{ chatbot(id: "${chatbotId}") { sources { totalCount } } }`, {}, key);
    expect(data).toEqual({ chatbot: null });
  });

  it('reads every page of every order in both directions, also where values are equal', async () => {
    const { minutesAgo, insert, ofChatbot } = await open();
    const titles = ['b', 'B', 'a', '\u{1f600}', '\uff5e', 'A', 'b', 'Z z'];
    await insert(
      titles.map((title, index) => ({
        title,
        status: index % 2 === 0 ? 'DONE' : 'FAILED',
        updatedAt: minutesAgo(Math.floor(index / 3)),
      })),
    );
    const created = titles.map((title) => ({ title }));
    const inOrder = (...indexes: number[]) => indexes.map((index) => ({ title: titles[index] ?? '' }));
    const ascending = {
      CREATED_AT: created,
      UPDATED_AT: inOrder(6, 7, 3, 4, 5, 0, 1, 2),
      TITLE: inOrder(2, 5, 0, 1, 6, 7, 4, 3),
    };
    for (const [field, expected] of Object.entries(ascending)) {
      for (const filter of [undefined, { types: ['TEXT'] }, { statuses: ['DONE', 'FAILED'] }]) {
        await expectPages(ofChatbot.read, { filter, orderBy: { field, direction: 'ASC' } }, expected);
        await expectPages(ofChatbot.read, { filter, orderBy: { field } }, expected.toReversed());
      }
    }
  });

  it('refuses cursors of other orders and filters beyond their limits', async () => {
    const { insert, ofChatbot } = await open();
    await insert([{ title: 'A title' }]);
    const orders = ['CREATED_AT', 'UPDATED_AT', 'TITLE'].flatMap((field) =>
      ['ASC', 'DESC'].map((direction) => ({ field, direction })),
    );
    for (const orderBy of orders) {
      const { endCursor } = (await ofChatbot.read({ orderBy })).pageInfo;
      for (const other of orders) {
        const code = await ofChatbot.codeOf({ orderBy: other, after: endCursor });
        expect([orderBy, other, code]).toEqual([orderBy, other, other === orderBy ? undefined : 'BAD_USER_INPUT']);
      }
    }
    for (const args of [
      { orderBy: { field: 'TITLE' }, after: Buffer.alloc(40, 255).toString('base64url') },
      { orderBy: { field: 'SIZE' } },
      { orderBy: { direction: 'UP' } },
      { filter: { title: 'a'.repeat(256) } },
      { filter: { statuses: ['LOST'] } },
      { filter: { updatedAt: { since: 'yesterday' } } },
    ]) {
      expect([args, await ofChatbot.codeOf(args)]).toEqual([args, 'BAD_USER_INPUT']);
    }
  });
});
