import { describe, expect, it } from 'vitest';
import { createChatbot } from '../../helpers/chatbots.ts';
import { openGateway, type RestGateway } from './support.ts';

/** Follows the links from `path` to the last page, and returns the ids on each page. */
async function readPages({ send }: RestGateway, path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response = await send(next);
    pages.push(((await response.json()) as { id: string }[]).map(({ id }) => id));
    next = /^<(.+)>; rel="next"$/.exec(response.headers.get('Link') ?? '')?.[1];
  }
  return pages;
}

describe('a list', () => {
  it.each(['/v1', '/api/v1'])('links each page under %s to the next one, except the last page', async (prefix) => {
    const gateway = await openGateway();
    const ids = [gateway.chatbotId];
    for (let n = 2; n <= 5; n++) ids.push(await createChatbot(gateway, { name: `Chatbot ${n}` }));
    expect(await readPages(gateway, `${prefix}/chatbots?limit=2`)).toEqual([
      ids.slice(0, 2),
      ids.slice(2, 4),
      ids.slice(4),
    ]);
    const first = await gateway.send(`${prefix}/chatbots?limit=2`);
    expect(first.headers.get('Link')).toMatch(new RegExp(`^<${prefix}/chatbots\\?limit=2&after=[\\w-]+>; rel="next"$`));
    expect(await readPages(gateway, `${prefix}/chatbots?limit=5`)).toEqual([ids]);
  });

  it('of sources has pages as well', async () => {
    const gateway = await openGateway();
    const id = await createChatbot(gateway, { sources: ['One.', 'Two.', 'Three.'] });
    const path = `/v1/chatbots/${id}/sources`;
    const [allIds = []] = await readPages(gateway, path);
    expect(allIds).toHaveLength(3);
    expect(await readPages(gateway, `${path}?limit=2`)).toEqual([allIds.slice(0, 2), allIds.slice(2)]);
  });

  it('is complete if the request has neither a limit nor a cursor, and counts as one request', async () => {
    const gateway = await openGateway();
    for (let n = 0; n < 120; n++) await createChatbot(gateway, { name: 'Chatbot' });
    const { key } = await gateway.createTenant();
    const remaining = (response: Response) => Number(/r=(\d+)/.exec(response.headers.get('RateLimit') ?? '')?.[1]);
    const before = remaining(await gateway.send('/v1/chatbots?limit=1'));
    const response = await gateway.send('/v1/chatbots');
    expect(await response.json()).toHaveLength(121);
    expect(response.headers.get('Link')).toBeNull();
    expect(remaining(response)).toBe(before - 1);
    expect(await (await gateway.send('/v1/chatbots', { headers: { Authorization: `Bearer ${key}` } })).text()).toBe(
      '[]',
    );
  });

  it('has at most 100 items per page if the request has only a cursor', async () => {
    const gateway = await openGateway();
    for (let n = 0; n < 102; n++) await createChatbot(gateway, { name: 'Chatbot' });
    const first = await gateway.send('/v1/chatbots?limit=1');
    const after = /after=([\w-]+)/.exec(first.headers.get('Link') ?? '')?.[1];
    expect((await readPages(gateway, `/v1/chatbots?after=${after}`)).map((ids) => ids.length)).toEqual([100, 2]);
  });
});
