import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import type { Timestamp } from '../src/domain/time.ts';
import type { GraphContext } from './context.ts';
import type {} from './scopes.ts';

/**
 * The properties of a field, besides its type, that determine its cost in a query. The credential needs the scopes of the
 * fields that a document of a field selects.
 */
export type FieldExtensions = {
  /** The maximum number of items, of a list or of the `nodes` and `edges` of a connection, for the given arguments. */
  readonly listSize?: (args: Readonly<Record<string, unknown>>) => number;
  /** An extra cost for the given arguments, whatever the selection; for fields that do more than read their items. */
  readonly fixedCost?: (args: Readonly<Record<string, unknown>>) => number;
  /** The webhook document that the field executes, whose cost is added to the field's; absent or null for none. */
  readonly executedDocument?: (args: Readonly<Record<string, unknown>>) => unknown;
  /** The webhook document that the field stores for later executions; absent or null for none. */
  readonly storedDocument?: (args: Readonly<Record<string, unknown>>) => unknown;
};

/** The meaning of absent and null fields, for the description of every input of an update. Each field names its case. */
export const CHANGES_RULE =
  'An absent field keeps its value. Null clears a field, which is then empty or has its default; a field that needs a value must not be null.';

interface SchemaTypes {
  Context: GraphContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Connection: { readonly countTotal: () => Promise<number> };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Timestamp; Output: Timestamp };
    Date: { Input: string; Output: string };
    BigInt: { Input: bigint; Output: bigint };
    JSON: { Input: unknown; Output: unknown };
  };
}

/** The builder for the fields of an object type whose values are of type `Shape`. */
export type ObjectFields<Shape> = PothosSchemaTypes.ObjectFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>,
  Shape
>;

/** Builds the schema. Every type, field and argument needs a description; a test fails if one is missing. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ErrorsPlugin, RelayPlugin],
  defaultFieldNullability: false,
  errors: {
    // The payload is a direct member of the union: `XResult = XPayload | NotFoundError`.
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${capitalize(fieldName)}Result`,
      description: 'The payload, or the error that explains why nothing changed.',
    },
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    mutationInputArgOptions: { description: 'The fields of the mutation.' },
    edgesFieldOptions: {
      nullable: { list: false, items: false },
      sessions: true,
      description: 'The items of this page, each with its cursor.',
    },
    nodeFieldOptions: { nullable: false, sessions: true, description: 'The item.' },
    nodesOnConnection: { sessions: true, description: 'The items of this page without their cursors.' },
    cursorFieldOptions: { sessions: true, description: 'An opaque position in the list, for `after` and `before`.' },
    pageInfoFieldOptions: { sessions: true, description: 'The cursors of this page, and flags for further pages.' },
    pageInfoTypeOptions: { description: 'The position of a page in its list.' },
    hasNextPageFieldOptions: {
      sessions: true,
      description: 'True if items follow this page. With `last`, true only if `before` is given.',
    },
    hasPreviousPageFieldOptions: {
      sessions: true,
      description: 'True if items precede this page. With `first`, true only if `after` is given.',
    },
    startCursorFieldOptions: {
      sessions: true,
      description: 'The cursor of the first item; null when the page is empty.',
    },
    endCursorFieldOptions: { sessions: true, description: 'The cursor of the last item; null when the page is empty.' },
    firstArgOptions: {
      description:
        'The number of items from the start of the list, at most 100; 20 if neither `first` nor `last` is given.',
    },
    lastArgOptions: {
      description: 'The number of items from the end of the list, at most 100; not together with `first`.',
    },
    afterArgOptions: { description: 'A cursor: only items after it are returned.' },
    beforeArgOptions: { description: 'A cursor: only items before it are returned.' },
  },
});

builder.queryType({ description: 'All queries. Each reads only the account of the credential.' });
builder.mutationType({
  description:
    'All mutations. Each returns a union of its payload and the errors that a client can act on; select `__typename` or `... on Error`.',
});
builder.subscriptionType({
  description: 'All subscriptions, over WebSocket (graphql-ws) or server-sent events.',
});

/** The cost of a `totalCount`: the gateway counts the whole list, however small the page is. */
const TOTAL_COUNT_COST = 10;

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'The number of items in the whole list, with its filters. Counted only if selected.',
    extensions: { fixedCost: () => TOTAL_COUNT_COST } satisfies FieldExtensions,
    resolve: ({ countTotal }) => countTotal(),
  }),
);

function capitalize(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
