import { expect } from 'vitest';
import type { TestGateway } from './gateway.ts';

/** A page of a connection. */
export interface ListPage<Node> {
  readonly nodes: readonly Node[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

/** The arguments of an ordered list. */
export interface ListArguments {
  readonly filter?: object | null | undefined;
  readonly orderBy?: object | null | undefined;
  readonly first?: number | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | undefined;
  readonly before?: string | null | undefined;
}

/** Reads a page of a list. */
export type ReadList<Node> = (args: ListArguments, key?: string) => Promise<ListPage<Node>>;

/**
 * Creates a function that reads pages of a list with a filter and an order.
 * @param type the type of the items, which also names the inputs.
 * @param path the fields from the root to the list, each as it is written in a query.
 * @param selection the selected fields of the items.
 */
export function createListReader<Node>(
  gateway: Pick<TestGateway, 'graphql'>,
  { type, path, selection }: { type: string; path: readonly string[]; selection: string },
): { read: ReadList<Node>; codeOf: (args: object) => Promise<unknown> } {
  const pass = 'filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before';
  const list = `nodes { ${selection} } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount`;
  const [field = '', ...parents] = path.toReversed();
  const document = parents.reduce((inner, parent) => `${parent} { ${inner} }`, `${field}(${pass}) { ${list} }`);
  const query = `query ($filter: ${type}Filter, $orderBy: ${type}Order, $first: Int, $after: String, $last: Int, $before: String) {
    ${document}
  }`;
  const run = (args: object, key?: string) => gateway.graphql<Record<string, unknown>>(query, args, key);
  return {
    async read(args, key) {
      const { data, errors } = await run(args, key);
      if (errors) throw new Error(JSON.stringify(errors));
      let value: unknown = data;
      for (const step of path) {
        value = (value as Record<string, unknown> | null)?.[/^\w+/.exec(step)?.[0] ?? ''];
      }
      return value as ListPage<Node>;
    },
    codeOf: async (args) => (await run(args)).errors?.[0]?.extensions?.code,
  };
}

/** Reads a list in pages of two, forwards and backwards, and expects both to be equal to `expected`. */
export async function expectPages<Node>(
  read: ReadList<Node>,
  args: ListArguments,
  expected: readonly Node[],
): Promise<void> {
  const forwards: Node[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const page: ListPage<Node> = await read({ ...args, first: 2, after });
    forwards.push(...page.nodes);
    ({ endCursor: after, hasNextPage: more } = page.pageInfo);
  }
  const backwards: Node[] = [];
  for (let before: string | null = null, more = true; more; ) {
    const page: ListPage<Node> = await read({ ...args, last: 2, before });
    backwards.unshift(...page.nodes);
    ({ startCursor: before, hasPreviousPage: more } = page.pageInfo);
  }
  expect([args, forwards, backwards]).toEqual([args, expected, expected]);
}
