import type { PageQuery } from './models.ts';

const MAX_PAGE = 100;

/** A page of a connection. */
interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** Reads one page of a connection. */
type ReadPage<T> = (page: { readonly first: number; readonly after: string | null }) => Promise<Page<T>>;

/** What a list endpoint answers. */
interface Listed<T> {
  readonly items: readonly T[];
  /** The value of the `Link` header, where there is a next page. */
  readonly link?: string;
}

/**
 * Reads a list as it was asked for: one page, or, without `limit` and `after`, the whole, page by page.
 * @param url of the request; the next page is linked to by the same path.
 */
export async function readList<T>({ limit, after }: PageQuery, url: string, read: ReadPage<T>): Promise<Listed<T>> {
  if (limit === undefined && after === undefined) return { items: await readAll(read) };
  const first = limit ?? MAX_PAGE;
  const { nodes, pageInfo } = await read({ first, after: after ?? null });
  if (!pageInfo.hasNextPage || pageInfo.endCursor === null) return { items: nodes };
  const query = new URLSearchParams({ limit: String(first), after: pageInfo.endCursor });
  return { items: nodes, link: `<${new URL(url).pathname}?${query}>; rel="next"` };
}

async function readAll<T>(read: ReadPage<T>): Promise<T[]> {
  const items: T[] = [];
  let after: string | null = null;
  do {
    const { nodes, pageInfo }: Page<T> = await read({ first: MAX_PAGE, after });
    items.push(...nodes);
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  return items;
}
