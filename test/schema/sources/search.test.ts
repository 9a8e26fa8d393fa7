import { describe, expect, it } from 'vitest';
import { createChatbot } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { openGateway, textOfLength } from '../support.ts';

const SEARCH = `query ($id: ID!, $query: String!, $first: Int) {
  search(chatbotId: $id, query: $query, first: $first) { query correctedQuery hits { score passage { text headingPath source { title chatbot { id } } } } }
}`;

interface SearchData {
  readonly search: {
    query: string;
    hits: { score: number; passage: { text: string; headingPath: string[]; source: { title: string } } }[];
  };
}

const search = (gateway: TestGateway, id: string, query: string, first?: number | null) =>
  gateway.graphql<SearchData>(SEARCH, { id, query, ...(first !== undefined && { first }) });

const TOWER = '# Sights\n\n## Tower\n\nThe tower is 300 metres tall.';
const BRIDGE = 'The bridge is near the tower.';
const LAKE = 'Boats can be hired at the lake.';

describe('search', () => {
  it("finds the chatbot's matching passages, best first", async () => {
    const gateway = await openGateway();
    const id = await createChatbot(gateway, { sources: [LAKE, BRIDGE, TOWER] });
    await createChatbot(gateway, { sources: [TOWER] });
    const { data } = await search(gateway, id, 'How tall is the tower?');
    expect(data.search.query).toBe('How tall is the tower?');
    expect(data.search.hits.map(({ passage }) => passage)).toEqual([
      {
        text: 'The tower is 300 metres tall.',
        headingPath: ['Sights', 'Tower'],
        source: { title: 'Source 3', chatbot: { id } },
      },
      { text: BRIDGE, headingPath: [], source: { title: 'Source 2', chatbot: { id } } },
    ]);
    const [best = 0, next = 0] = data.search.hits.map(({ score }) => score);
    expect(best).toBeLessThanOrEqual(1);
    expect(best).toBeGreaterThan(next);
    expect(next).toBeGreaterThan(0);
  });

  it('returns the text with the words corrected that it searched for', async () => {
    const gateway = await openGateway();
    const id = await createChatbot(gateway, { sources: [LAKE, TOWER] });
    const { data } = await search(gateway, id, 'How tall is the towre?');
    expect(data.search).toMatchObject({ query: 'How tall is the towre?', correctedQuery: 'How tall is the tower?' });
    expect(data.search.hits[0]?.passage.text).toBe('The tower is 300 metres tall.');
    expect((await search(gateway, id, 'How tall is the tower?')).data.search).toMatchObject({ correctedQuery: null });
  });

  it('returns 5 passages by default, or as many as requested', async () => {
    const gateway = await openGateway();
    const sources = Array.from({ length: 7 }, (_, i) => `Tower number ${i} is tall.`);
    const id = await createChatbot(gateway, { sources });
    const counts = [];
    for (const first of [undefined, null, 0, 1, 7, 100])
      counts.push((await search(gateway, id, 'tower', first)).data.search.hits.length);
    expect(counts).toEqual([5, 5, 0, 1, 7, 7]);
  });

  it.each([-1, 101])('rejects %i for first', async (first) => {
    const gateway = await openGateway();
    expect(errorCodesOf(await search(gateway, await createChatbot(gateway), 'tower', first))).toEqual([
      'BAD_USER_INPUT',
    ]);
  });

  it('rejects a query of more than 8,000 characters', async () => {
    const gateway = await openGateway();
    const id = await createChatbot(gateway, { sources: [TOWER] });
    expect(errorCodesOf(await search(gateway, id, textOfLength(8_001)))).toEqual(['BAD_USER_INPUT']);
    expect((await search(gateway, id, textOfLength(8_000))).data.search.hits).toEqual([]);
  });

  it.each(['', ' ', '\0', '\ud800', '"', '*', 'tower" OR "1', 'NEAR(tower, 1)', '-', '\\', '🗼', 'a '.repeat(4_000)])(
    'treats %.20j as plain text',
    async (query) => {
      const gateway = await openGateway();
      const { errors, data } = await search(gateway, await createChatbot(gateway, { sources: [TOWER] }), query);
      expect(errors).toBeUndefined();
      expect(data.search.hits.length).toBeLessThanOrEqual(1);
    },
  );
});
