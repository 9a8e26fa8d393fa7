import { onTestFinished } from 'vitest';
import type { Scope } from '../../src/domain/entities.ts';
import { createId, type IdKind } from '../../src/domain/ids.ts';
import { type GatewayOptions, type GraphQLAnswer, startGateway, type TestGateway } from '../helpers/gateway.ts';

/** Selects what every error of a union says. */
export const ERROR = '... on Error { code reason: message ... on InvalidInputError { fields { path message } } }';

/** Starts a gateway that the end of the test closes. */
export async function openGateway(options?: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** A mutation with an input, its payload asked for `selection`. */
export function mutation(name: string, selection = '__typename'): string {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  return `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Payload { ${selection} } ${ERROR} } }`;
}

/** Runs a mutation, and gives what it answered, whichever member of its union that is. */
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

/** Runs an operation as someone of another account, once for each id that names nothing to them: the given one too. */
export async function askAsStranger(
  gateway: TestGateway,
  { query, id, kind, variables = (id) => ({ id }) }: StrangerOptions,
): Promise<Pick<GraphQLAnswer<unknown>, 'status' | 'data' | 'errors'>[]> {
  const { key } = await gateway.createTenant();
  const otherKind = kind === 'account' ? 'message' : 'account';
  const ids = [id, id.toUpperCase(), createId(kind), createId(otherKind), 'nonsense', '', `${id.slice(0, -1)}\0`];
  return Promise.all(
    ids.map(async (named) => {
      const { status, data, errors } = await gateway.graphql<unknown>(query, variables(named), key);
      return { status, data, ...(errors && { errors }) };
    }),
  );
}

/** What a stranger asks for. */
export interface StrangerOptions {
  readonly query: string;
  /** The id of something of the first account. */
  readonly id: string;
  readonly kind: IdKind;
  /** The variables that name an id; absent: `$id`. */
  readonly variables?: (id: string) => object;
}

/** The members of a list without repetition. */
export const distinct = <T>(values: readonly T[]): T[] => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
];

/** Makes a key of the first account with these scopes and no other. */
export const keyWith = (gateway: TestGateway, ...scopes: Scope[]) => gateway.createKey(gateway.accountId, scopes);

/** Text of some length. */
export const textOf = (length: number) => 'x'.repeat(length);
