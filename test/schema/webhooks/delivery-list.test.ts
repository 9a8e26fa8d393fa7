import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { createListReader, expectPages } from '../../helpers/lists.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../../helpers/webhooks/webhooks.ts';

interface Node {
  readonly attemptCount: number;
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({ env: { SECRET_KEY } });
});
afterAll(() => gateway.close());

/** Creates a subscription, and functions that read its deliveries. */
async function open() {
  const { id } = await subscribe(gateway);
  const now = gateway.deps.clock.now();
  const minutesAgo = (minutes: number) => toTimestamp(now - minutes * 60_000);
  const path = [`webhookSubscription(id: "${id}")`, 'deliveries'];
  const list = createListReader<Node>(gateway, { type: 'WebhookDelivery', selection: 'attemptCount', path });
  return { id, minutesAgo, list };
}

describe('WebhookSubscription.deliveries', () => {
  it('lists the deliveries that meet a filter', async () => {
    const { id, minutesAgo, list } = await open();
    const other = await subscribe(gateway);
    const first = await storeDelivery(gateway, id, { attemptCount: 1, createdAt: minutesAgo(3) });
    const second = { status: 'EXHAUSTED', name: 'MESSAGE_COMPLETED', createdAt: minutesAgo(2) } as const;
    await storeDelivery(gateway, id, { ...second, attemptCount: 2 });
    await storeDelivery(gateway, id, { status: 'FAILED', attemptCount: 3, createdAt: minutesAgo(1) });
    await storeDelivery(gateway, id, { status: 'PENDING', attemptCount: 4, eventId: first.eventId });
    await storeDelivery(gateway, other.id, { attemptCount: 5, eventId: first.eventId });
    const iso = (minutes: number) => `${minutesAgo(minutes).slice(0, 23)}Z`;
    const cases: readonly [object | null | undefined, number[]][] = [
      [undefined, [4, 3, 2, 1]],
      [null, [4, 3, 2, 1]],
      [{ statuses: null, eventId: null }, [4, 3, 2, 1]],
      [{ statuses: ['EXHAUSTED'] }, [2]],
      [{ statuses: ['DELIVERED', 'PENDING', 'DELIVERED'] }, [4, 1]],
      [{ statuses: [] }, []],
      [{ events: ['MESSAGE_COMPLETED', 'LEAD_CAPTURED'] }, [4, 3, 2, 1]],
      [{ events: ['MESSAGE_COMPLETED'] }, [2]],
      [{ events: [] }, []],
      [{ events: ['LEAD_CAPTURED'], statuses: ['FAILED', 'EXHAUSTED'] }, [3]],
      [{ eventId: first.eventId }, [4, 1]],
      [{ eventId: first.eventId.toUpperCase(), statuses: ['DELIVERED'] }, [1]],
      [{ eventId: createId('webhookEvent') }, []],
      [{ eventId: first.id }, []],
      [{ eventId: '' }, []],
      [{ createdAt: { since: iso(2), until: iso(1) } }, [2]],
      [{ createdAt: { since: iso(1) } }, [4, 3]],
      [{ createdAt: { until: iso(2) } }, [1]],
    ];
    for (const [filter, expected] of cases) {
      const { nodes, totalCount } = await list.read({ filter });
      const found = nodes.map(({ attemptCount }) => attemptCount);
      expect([filter, found, totalCount]).toEqual([filter, expected, expected.length]);
    }
    const { key } = await gateway.createTenant();
    const { data } = await gateway.graphql(
      `{ webhookSubscription(id: "${id}") { deliveries { totalCount } } }`,
      {},
      key,
    );
    expect(data).toEqual({ webhookSubscription: null });
  });

  it('reads every page in both directions, by ids and not by the clock', async () => {
    const { id, minutesAgo, list } = await open();
    const statuses = ['DELIVERED', 'EXHAUSTED', 'PENDING'] as const;
    for (const [index, minutes] of [5, 5, 1, 9, 2, 5, 3].entries()) {
      const status = statuses[index % 3] ?? 'FAILED';
      await storeDelivery(gateway, id, { attemptCount: index, status, createdAt: minutesAgo(minutes) });
    }
    const expected = [0, 1, 2, 3, 4, 5, 6].map((attemptCount) => ({ attemptCount }));
    for (const filter of [undefined, { statuses }, { events: ['LEAD_CAPTURED'] }]) {
      await expectPages(list.read, { filter }, expected.toReversed());
      await expectPages(list.read, { filter, orderBy: { direction: 'ASC' } }, expected);
    }
  });

  it('refuses cursors of other lists and orders, and unknown values', async () => {
    const { id, list } = await open();
    await storeDelivery(gateway, id);
    const [desc, asc] = [await list.read({}), await list.read({ orderBy: { direction: 'ASC' } })].map(
      ({ pageInfo }) => pageInfo.endCursor,
    );
    for (const args of [
      { after: asc },
      { after: desc, orderBy: { direction: 'ASC' } },
      { after: 'nonsense' },
      { filter: { statuses: ['LOST'] } },
      { filter: { events: ['lead.captured'] } },
      { filter: { createdAt: { until: 5 } } },
      { first: 101 },
    ]) {
      expect([args, await list.codeOf(args)]).toEqual([args, 'BAD_USER_INPUT']);
    }
  });
});
