import { type GraphQLInputType, getNamedType, getNullableType, isEnumType, isListType } from 'graphql';
import { errorCodesOf } from '../../helpers/sockets.ts';
import type { Answer } from '../../helpers/transports.ts';
import { type Args, type LeafArgument, listLeaves, type Row, rootFieldOf, withLeaf } from './row.ts';

/** Texts that no argument may contain, although they have the right type. */
const BAD_TEXTS = ['x'.repeat(100_000), 'a\0b', 'a\ud800'];
const BLANK_TEXTS = ['', ' '];

/** Values of another type, by the name of the right type. Every value is right for `JSON`. */
const WRONG_TYPES: Readonly<Record<string, unknown>> = {
  ...{ ID: {}, String: 1, Int: 'x', Boolean: 'yes', DateTime: 'yesterday' },
};

/** Values of the right type that are at the limits of a field, or beyond them. The tests of ids have such ids. */
const EXTREMES: Readonly<Record<string, readonly unknown[]>> = {
  Int: [-1, 0, 2 ** 31 - 1, -(2 ** 31)],
  DateTime: ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'],
  JSON: [[], 'text', ...BAD_TEXTS.map((text) => ({ text }))],
};

/** The codes of refused arguments. A page that is too large makes the query too complex. */
const REFUSALS: ReadonlySet<unknown> = new Set(['BAD_USER_INPUT', 'NOT_FOUND', 'QUERY_TOO_COMPLEX']);

type Run = (args: Args) => Promise<Answer>;

/** Tries bad values for every argument of a root field, and lists those that have a wrong answer. */
export async function listWrongAnswers(row: Row, base: Args, run: Run): Promise<unknown[]> {
  const { field, longTexts = [] } = row;
  const leaves = listLeaves(field).filter(({ path }) => !longTexts.includes(path.join('.')));
  const texts = leaves.filter(({ type }) => getNamedType(type).name === 'String');
  const isMutation = rootFieldOf(field).kind === 'mutation';
  return [
    ...(await listAcceptedTypes(row, base, leaves, run)),
    ...(await listFailures(row, base, leaves, run)),
    ...(isMutation
      ? await listAcceptedTexts(row, base, texts, run)
      : await listFailures(row, base, texts, run, [...BLANK_TEXTS, ...BAD_TEXTS])),
  ];
}

/** Tries values of a wrong type for all arguments at once. */
async function listAcceptedTypes(row: Row, base: Args, leaves: readonly LeafArgument[], run: Run): Promise<unknown[]> {
  const typed = leaves.filter(({ type }) => wrongValueOf(type) !== undefined);
  if (typed.length === 0) return [];
  const answer = await run(withAll(row, base, typed, ({ type }) => wrongValueOf(type)));
  return errorCodesOf(answer).join() === 'BAD_USER_INPUT' ? [] : [['wrong types', answer]];
}

function wrongValueOf(type: GraphQLInputType): unknown {
  const named = getNamedType(type);
  return isEnumType(named) ? 'NOBODY' : WRONG_TYPES[named.name];
}

/** Tries extreme values, one at a time, and lists those with which the gateway fails. */
async function listFailures(
  row: Row,
  base: Args,
  leaves: readonly LeafArgument[],
  run: Run,
  texts: readonly unknown[] = [],
): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const { path, type } of leaves) {
    const empty = isListType(getNullableType(type)) && texts.length === 0 ? [[]] : [];
    for (const value of [...(texts.length > 0 ? texts : (EXTREMES[getNamedType(type).name] ?? [])), ...empty]) {
      const answer = await run(withLeaf(row.field, base, path, value));
      if (!isAnswered(answer)) failures.push([path.join('.'), JSON.stringify(value).slice(0, 40), answer]);
    }
  }
  return failures;
}

/** Tries bad texts for all arguments of a mutation, and lists those that get no `InvalidInputError` of their own. */
async function listAcceptedTexts(row: Row, base: Args, leaves: readonly LeafArgument[], run: Run): Promise<unknown[]> {
  const wrong: unknown[] = [];
  if (leaves.length === 0) return wrong;
  for (const text of BAD_TEXTS) {
    const found = listProblems(row, await run(withAll(row, base, leaves, () => text)));
    for (const { path } of leaves.filter((leaf) => !isFound(found, leaf))) {
      // Of two arguments that exclude each other, only one is in the input with all of them.
      const answer = await run(withLeaf(row.field, base, path, text));
      if (!isFound(listProblems(row, answer), { path })) wrong.push([path.join('.'), text.slice(0, 3), answer]);
    }
  }
  for (const text of BLANK_TEXTS) {
    const answer = await run(withAll(row, base, leaves, () => text));
    if (!isAnswered(answer)) wrong.push(['blank texts', answer]);
  }
  return wrong;
}

const withAll = (
  { field }: Row,
  base: Args,
  leaves: readonly LeafArgument[],
  makeValue: (leaf: LeafArgument) => unknown,
) => leaves.reduce((args, leaf) => withLeaf(field, args, leaf.path, makeValue(leaf)), base);

/** Whether an answer is data, an error of the result, or a refusal of the arguments. */
const isAnswered = (answer: Answer): boolean =>
  (answer.status ?? 200) < 500 && errorCodesOf(answer).every((code) => REFUSALS.has(code));

/** The paths of the invalid fields, without the positions in lists. */
function listProblems({ field }: Row, { data }: Answer): string[] {
  const result = (data as Record<string, { fields?: { path: string[] }[] }> | undefined)?.[field];
  return (result?.fields ?? []).map(({ path }) => path.filter((part) => !/^\d+$/.test(part)).join('.'));
}

/** Whether the problem of an argument is among the found ones, or that of an object which contains it. */
const isFound = (found: readonly string[], { path }: Pick<LeafArgument, 'path'>): boolean =>
  path.some((_part, index) => found.includes(path.slice(0, index + 1).join('.')));
