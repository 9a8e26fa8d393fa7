import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import type { Timestamp } from '../src/domain/time.ts';
import type { GraphContext } from './context.ts';
import type {} from './scopes.ts';

/** What a field may say of itself beside its type, for the cost of a query. */
export type FieldExtensions = {
  /** How many items a list holds at most, given the field's arguments; for a connection its `nodes` and `edges`. */
  readonly listSize?: (args: Readonly<Record<string, unknown>>) => number;
  /** What it costs whatever is asked of its items, where that is more than to read them. */
  readonly fixedCost?: (args: Readonly<Record<string, unknown>>) => number;
  /** The document that the field executes, which costs what it costs; null for none. */
  readonly executes?: (args: Readonly<Record<string, unknown>>) => unknown;
};

interface SchemaTypes {
  Context: GraphContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Timestamp; Output: Timestamp };
    JSON: { Input: unknown; Output: unknown };
  };
}

/** Makes the fields of an object type whose values have this shape. */
export type ObjectFields<Shape> = PothosSchemaTypes.ObjectFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>,
  Shape
>;

/** Builds the schema. Every type, field and argument needs a description; a test fails where one is missing. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ErrorsPlugin, RelayPlugin],
  defaultFieldNullability: false,
  errors: {
    // The payload is a member of the union itself: `XResult = XPayload | NotFoundError`.
    directResult: true,
    defaultUnionOptions: {
      name: ({ fieldName }) => `${capitalize(fieldName)}Result`,
      description: 'What came of it, or why nothing was done.',
    },
  },
  relay: {
    clientMutationId: 'omit',
    cursorType: 'String',
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    mutationInputArgOptions: { description: 'What to do, and with what.' },
    edgesFieldOptions: { nullable: { list: false, items: false }, description: 'The items, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    nodesOnConnection: { description: 'The items, for those who need no cursors.' },
    cursorFieldOptions: { description: 'Marks this place of the list, for `after` and `before`.' },
    pageInfoFieldOptions: { description: 'Whether there is more, and where it begins.' },
    pageInfoTypeOptions: { description: 'Where a page of a list lies.' },
    hasNextPageFieldOptions: { description: 'Whether items follow this page.' },
    hasPreviousPageFieldOptions: { description: 'Whether items precede this page.' },
    startCursorFieldOptions: { description: 'The cursor of the first item; null when the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last item; null when the page is empty.' },
    firstArgOptions: {
      description: 'How many items to take from the beginning; 20 when neither is given, at most 100.',
    },
    lastArgOptions: { description: 'How many items to take from the end, at most 100; not together with `first`.' },
    afterArgOptions: { description: 'Only items that follow this cursor.' },
    beforeArgOptions: { description: 'Only items that precede this cursor.' },
  },
});

builder.queryType({ description: 'What can be read. Everything is limited to the account of the credential.' });
builder.mutationType({
  description:
    'What can be changed. Every mutation answers a union: its payload, or an error that the caller can act on; select `__typename`.',
});
builder.subscriptionType({
  description: 'What can be followed live, over WebSocket (graphql-ws) or server-sent events.',
});

function capitalize(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
