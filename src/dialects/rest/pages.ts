import { ReadableStream as NodeStream } from 'node:stream/web';
import type { Context, TypedResponse } from 'hono';
import type { RestEnv, RestOptions } from './context.ts';
import type { PageQuery } from './schemas.ts';

const MAX_PAGE_SIZE = 100;

/** A page of a connection. */
interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** How a list endpoint reads its items and maps them to their REST form. */
export interface ListEndpoint<T, Model> extends Pick<RestOptions, 'onError'> {
  /** The query; absent `limit` and `after` mean the whole list. */
  readonly query: PageQuery;
  /** Reads one page of a connection. */
  read(page: { readonly first: number; readonly after: string | null }): Promise<Page<T>>;
  toModel(item: T): Model;
}

/**
 * Sends a page of a list, or the complete list. A page has a `Link` header to the next page, with the same path and
 * query. A complete list is written page by page as the client reads it, so that it is never completely in memory. If
 * reading fails after the first page, the response is cut off, because its status has already been sent.
 */
export async function sendList<T, Model>(
  c: Context<RestEnv>,
  list: ListEndpoint<T, Model>,
): Promise<Response & TypedResponse<Model[], 200, 'json'>> {
  const { limit, after } = list.query;
  const first = limit ?? MAX_PAGE_SIZE;
  const page = await list.read({ first, after: after ?? null });
  const next = nextCursorOf(page);
  if (next !== null && limit === undefined && after === undefined) {
    const stream = NodeStream.from(writePages(c, list, page)) as ReadableStream;
    return c.body(stream, 200, { 'Content-Type': 'application/json' }) as never;
  }
  if (next !== null) c.header('Link', `<${linkTo(c.req.url, first, next)}>; rel="next"`);
  return c.json(page.nodes.map((node) => list.toModel(node)) as never, 200);
}

async function* writePages<T, Model>(c: Context<RestEnv>, list: ListEndpoint<T, Model>, firstPage: Page<T>) {
  const encoder = new TextEncoder();
  let page = firstPage;
  let separator = '[';
  try {
    while (true) {
      const items = page.nodes.map((node) => JSON.stringify(list.toModel(node)));
      if (items.length > 0) {
        yield encoder.encode(`${separator}${items.join(',')}`);
        separator = ',';
      }
      const after = nextCursorOf(page);
      if (after === null) break;
      page = await list.read({ first: MAX_PAGE_SIZE, after });
    }
    yield encoder.encode(']');
  } catch (error) {
    list.onError(error, c.env.requestId);
    throw error;
  }
}

const nextCursorOf = <T>({ pageInfo }: Page<T>): string | null => (pageInfo.hasNextPage ? pageInfo.endCursor : null);

function linkTo(url: string, limit: number, after: string): string {
  const { pathname, searchParams } = new URL(url);
  const query = new URLSearchParams({ limit: String(limit), after });
  for (const [name, value] of searchParams) if (!query.has(name)) query.append(name, value);
  return `${pathname}?${query}`;
}
