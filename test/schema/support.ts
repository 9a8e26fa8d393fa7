import { onTestFinished } from 'vitest';
import type { Scope } from '../../src/domain/entities.ts';
import { createId, type IdKind } from '../../src/domain/ids.ts';
import { type GatewayOptions, type GraphQLResponse, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';

/** The selection of the code, message and invalid fields of any error in a result union. */
export const ERROR = '... on Error { code reason: message ... on InvalidInputError { fields { path message } } }';

/**
 * Opens a gateway with an empty account. Without options, all tests of the file share one gateway, and each gets an
 * account of its own: starting a gateway takes longer than most tests. With options, even `{}`, the test gets its own
 * gateway, which is closed after it: for tests of settings, logs, metrics and limits per address.
 */
export async function openGateway(options?: GatewayOptions): Promise<TestGateway> {
  if (options === undefined) return openSharedGateway();
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Returns the document of a mutation that takes an input and selects `selection` from its payload. */
export function mutation(name: string, selection = '__typename'): string {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  return `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Payload { ${selection} } ${ERROR} } }`;
}

/** Runs a mutation, and returns its payload or error. */
export async function mutate<T = Record<string, never>>(
  gateway: TestGateway,
  name: string,
  input: object,
  { selection, key }: { selection?: string; key?: string } = {},
): Promise<T> {
  const { data, errors } = await gateway.graphql<Record<string, T>>(mutation(name, selection), { input }, key);
  const answer = data?.[name];
  if (answer === undefined) throw new Error(`The mutation failed: ${JSON.stringify(errors)}`);
  return answer;
}

/** Runs an operation with another account's key, for the given id and for ids that do not exist. */
export async function runForForeignAndUnknownIds(
  gateway: TestGateway,
  { query, id, kind, variables = (id) => ({ id }) }: OtherAccountOptions,
): Promise<Pick<GraphQLResponse<unknown>, 'status' | 'data' | 'errors'>[]> {
  const { key } = await gateway.createTenant();
  const otherKind = kind === 'account' ? 'message' : 'account';
  const ids = [id, id.toUpperCase(), createId(kind), createId(otherKind), 'nonsense', '', `${id.slice(0, -1)}\0`];
  return Promise.all(
    ids.map(async (requestedId) => {
      const { status, data, errors } = await gateway.graphql<unknown>(query, variables(requestedId), key);
      return { status, data, ...(errors && { errors }) };
    }),
  );
}

/** The operation to run with another account's key. */
export interface OtherAccountOptions {
  readonly query: string;
  /** The id of an object in the first account. */
  readonly id: string;
  readonly kind: IdKind;
  /** Returns the variables for an id; by default `{ id }`. */
  readonly variables?: (id: string) => object;
}

/** Removes duplicates from a list. */
export const removeDuplicates = <T>(values: readonly T[]): T[] => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
];

/** Creates a key for the first account with exactly these scopes. */
export const createKeyWith = (gateway: TestGateway, ...scopes: Scope[]) => gateway.createKey(gateway.accountId, scopes);

/** A text with `length` characters. */
export const textOfLength = (length: number) => 'x'.repeat(length);

/** The mutations that add something to a conversation; all others act on the conversation itself. */
const ADDING = new Set(['sendMessage', 'sendAgentMessage', 'captureLead', 'setTyping']);

/** The input of a mutation of a conversation. */
export const inputFor = (name: string, conversationId: string, fields: object = {}): object => ({
  [ADDING.has(name) ? 'conversationId' : 'id']: conversationId,
  ...fields,
});
