import { readFileSync } from 'node:fs';
import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { schema } from '../../../schema/index.ts';
import { sessionTargetOf } from '../../../schema/scopes.ts';
import { SCOPES, type Scope } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { type Answer, createTransports } from '../../helpers/transports.ts';
import { type Args, ROOT_FIELDS, type Row, rootFieldOf, variablesOf, withLeaf } from '../root-fields/row.ts';
import { ROWS } from '../root-fields/table.ts';
import { openWorlds, type World, type Worlds } from '../root-fields/world.ts';
import { removeDuplicates } from '../support.ts';
import { type Allows, findPlaces, operationOfMany, operationWith, type Place, selectAt } from './selections.ts';
import { createInvalidCredentials, createSessionWorld } from './viewers.ts';

const MATRIX = readFileSync(new URL('../../../schema/visibility.md', import.meta.url), 'utf8');
const COLUMNS = [...SCOPES, 'restricted key', 'session'] as const;

/** The columns of the matrix with a cell for each field, by `Type.field`. */
const matrix: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  MATRIX.split('\n## ')
    .slice(1)
    .flatMap((section) => {
      const [type = '', ...lines] = section.split('\n');
      return lines.flatMap((line): [string, Set<string>][] => {
        const [, field, ...cells] = /^\| `(\w+)` \| (\w*) \| (\w*) \| (\w*) \| (\w*) \| (\w*) \|$/.exec(line) ?? [];
        return field === undefined
          ? []
          : [[`${type}.${field}`, new Set(COLUMNS.filter((_name, i) => cells[i] !== ''))]];
      });
    }),
);

/** A kind of viewers. */
interface ViewerKind {
  readonly name: string;
  /** The columns of the matrix of which a field needs one. */
  readonly columns: readonly string[];
  readonly scopes: readonly Scope[];
}

const SESSION = 'a session';
const VIEWERS: readonly ViewerKind[] = [
  ...SCOPES.map((scope) => ({ name: `a key with ${scope} only`, columns: [scope], scopes: [scope] })),
  { name: 'a key with all scopes', columns: SCOPES, scopes: SCOPES },
  { name: SESSION, columns: ['session'], scopes: ['READ', 'CHAT'] },
];
const MAX_ROOT_FIELDS = 20;

let worlds: Worlds;
/** The key or token of each viewer, by its name. */
const keys = new Map<string, string>();
let transports: ReturnType<typeof createTransports>;
/** The world as the visitor of a session sees it. */
let session: World;
/** The same for another visitor of the same chatbot. */
let otherVisitor: World;
/** The same for a visitor of another account. */
let otherAccount: World;

beforeAll(async () => {
  worlds = await openWorlds();
  transports = createTransports(worlds.own);
  session = await createSessionWorld(worlds.own);
  otherVisitor = await createSessionWorld(worlds.own);
  otherAccount = await createSessionWorld(worlds.foreign);
  for (const { name, scopes } of VIEWERS)
    keys.set(name, scopes.length === 1 ? await worlds.own.createKey(worlds.own.accountId, scopes) : worlds.own.key);
  keys.set(SESSION, session.key);
});
afterAll(() => {
  transports.close();
  return worlds.close();
});

const allowsFor =
  (columns: readonly string[]): Allows =>
  (type, field) =>
    columns.some((column) => matrix.get(`${type}.${field}`)?.has(column));

/** The row of a root field whose scopes a credential has. */
const rowFor = (root: string, scopes: readonly Scope[]): Row | undefined =>
  ROWS.find((row) => row.field === root && row.scopes.some((set) => set.every((scope) => scopes.includes(scope))));

/** The variables of a row's operation, with the objects that it names. */
const variablesFor = async (row: Row, world: World) => variablesOf(row, row.args ? await row.args(world) : {});

function ask(root: string, query: string, { variables, key }: { variables: Args; key: string | undefined }) {
  return transports[rootFieldOf(root).kind === 'subscription' ? 'sse' : 'http']({ query, variables, key });
}

const fieldsOf = (place: Place, isIncluded: (type: string, field: string) => boolean) =>
  Object.keys(place.type.getFields()).filter((field) => isIncluded(place.type.name, field));

const rootTypeOf = (kind: string) => kind.charAt(0).toUpperCase() + kind.slice(1);
const isMutation = (root: string) => rootFieldOf(root).kind === 'mutation';

/** Selects every allowed field of every type that a viewer reaches, and lists the answers that are errors. */
async function listRefused({ name, columns, scopes }: ViewerKind, world: World): Promise<unknown[]> {
  const allows = allowsFor(columns);
  const places = findPlaces(allows);
  const refused: unknown[] = [];
  for (const root of ROOT_FIELDS.keys()) {
    const row = rowFor(root, scopes);
    const own = places.filter((place) => place.root === root);
    if (!allows(rootTypeOf(rootFieldOf(root).kind), root)) continue;
    if (row === undefined) throw new Error(`No row of ${root} is for ${scopes.join()}.`);
    // The matrix lets a key select such a field, whose resolver then refuses every key.
    if (row.createCredential && name !== SESSION) continue;
    const selections = own.map((place) => selectAt(place, fieldsOf(place, allows)));
    // The effect of a mutation happens once, so all its selections are in one operation.
    const operations = isMutation(root) || selections.length === 0 ? [selections] : selections.map((each) => [each]);
    const variables = await variablesFor(row, world);
    for (const each of operations) {
      const answering = ask(root, operationWith(root, each), { variables, key: keys.get(name) });
      if (row.trigger) {
        let isSent = false;
        void answering.then(() => {
          isSent = true;
        });
        await vi.waitFor(async () => {
          await row.trigger?.(worlds.own);
          expect(isSent).toBe(true);
        });
      }
      const answer = await answering;
      const isAnswered = answer.errors === undefined && (answer.data as Args | undefined)?.[root] != null;
      if (!isAnswered) refused.push([root, each, answer.errors]);
      else if (isMutation(root) && typeOf(answer, root) !== payloadOf(root)) refused.push([root, answer.data]);
    }
  }
  return refused;
}

const typeOf = ({ data }: Answer, root: string) =>
  (data as Record<string, { __typename: string }> | undefined)?.[root]?.__typename;
const payloadOf = (root: string) => `${root.charAt(0).toUpperCase()}${root.slice(1)}Payload`;

/** The variables of the operations that are refused before they run, by root field. */
const variablesOfRefused = new Map<string, Args>();

async function findVariables(root: string): Promise<Args> {
  const row = ROWS.find(({ field }) => field === root);
  const variables = variablesOfRefused.get(root) ?? (row ? await variablesFor(row, worlds.own) : {});
  variablesOfRefused.set(root, variables);
  return variables;
}

/** Selects every field that a viewer may not select but whose type it reaches, and lists what is not FORBIDDEN. */
async function listAnswered(columns: readonly string[], key: string): Promise<unknown[]> {
  const allows = allowsFor(columns);
  const operations = [...ROOT_FIELDS].flatMap(([root, { kind }]) => {
    const type = rootTypeOf(kind);
    return allows(type, root) ? [] : [{ name: `${type}.${root}`, root, selection: '' }];
  });
  for (const place of findPlaces(allows)) {
    for (const field of fieldsOf(place, (...names) => !allows(...names)))
      operations.push({ name: `${place.type.name}.${field}`, root: place.root, selection: selectAt(place, [field]) });
  }
  expect(operations.length > 0).toBe(columns.length < SCOPES.length);
  const answered: unknown[] = [];
  for (const { name, root, selection } of operations) {
    const answer = await ask(root, operationWith(root, [selection]), { variables: await findVariables(root), key });
    if (answer.data != null || errorCodesOf(answer).join() !== 'FORBIDDEN') answered.push([name, errorCodesOf(answer)]);
  }
  return answered;
}

/** Groups root fields for operations with as many of them as possible. */
function* groupRoots(): Generator<readonly string[]> {
  for (const kind of ['query', 'mutation', 'subscription'] as const) {
    const roots = [...ROOT_FIELDS.keys()].filter((root) => rootFieldOf(root).kind === kind);
    const size = kind === 'subscription' ? 1 : MAX_ROOT_FIELDS;
    for (let start = 0; start < roots.length; start += size) yield roots.slice(start, start + size);
  }
}

describe('the matrix of fields and credentials', () => {
  it('has a row for each field of each object type', () => {
    const fields = Object.values(schema.getTypeMap())
      .filter((type) => isObjectType(type))
      .filter(({ name }) => !name.startsWith('__'))
      .flatMap((type) => Object.keys(type.getFields()).map((name) => `${type.name}.${name}`));
    expect([...matrix.keys()].toSorted()).toEqual(fields.toSorted());
  });

  it('lets a key with all scopes reach every type', () => {
    const types = new Set([...matrix.keys()].map((field) => field.split('.')[0]));
    const reached = findPlaces(allowsFor(SCOPES)).map(({ type }) => type.name);
    expect([...reached, 'Query', 'Mutation', 'Subscription'].toSorted()).toEqual([...types].toSorted());
  });

  it('gives nothing to nobody, nor to credentials that have expired or are revoked', async () => {
    // Few operations, because the gateway counts those with invalid credentials of an address.
    const groups = [...groupRoots()];
    expect(groups.flat().toSorted()).toEqual([...ROOT_FIELDS.keys()].toSorted());
    for (const { name, key, code } of await createInvalidCredentials(worlds.own)) {
      for (const roots of groups) {
        const values = await Promise.all(roots.map(async (root) => [root, await findVariables(root)] as const));
        const { query, variables } = operationOfMany(new Map(values));
        const answer = await ask(roots[0] ?? '', query, { variables, key });
        expect([name, roots, answer.status, errorCodesOf(answer), answer.data]).toEqual([
          ...[name, roots, 401, [code], undefined],
        ]);
      }
    }
  });

  it.each(VIEWERS)('lets $name select every field it allows', async (viewer) => {
    expect(await listRefused(viewer, viewer.name === SESSION ? session : worlds.own)).toEqual([]);
  });

  it.each(VIEWERS)('lets $name select no other field', async ({ name, columns }) => {
    expect(await listAnswered(columns, keys.get(name) ?? '')).toEqual([]);
  });

  it.each([...ROOT_FIELDS].filter(([, { definition }]) => sessionTargetOf(definition)).map(([root]) => root))(
    'gives a session the same answer of %s for ids of others as for unknown ids',
    async (root) => {
      const { argument, chatbotArgument, kind } = sessionTargetOf(rootFieldOf(root).definition) ?? {};
      const names = kind === 'conversation or message' ? (['conversation', 'message'] as const) : ([kind] as const);
      const row = rowFor(root, ['READ', 'CHAT']);
      if (row === undefined || argument === undefined) throw new Error(`There is no row of ${root}.`);
      const base = row.args ? await row.args(session) : {};
      const others = [otherVisitor, otherAccount, worlds.own, worlds.foreign].flatMap(({ ids, replyId }) => [
        ...names.map((name) => ids[name as 'message']),
        replyId,
      ]);
      const answers: Answer[] = [];
      for (const id of [...others, ...names.map((name) => createId(name as 'message')), 'x', '']) {
        const { [chatbotArgument ?? '']: _chatbotId, ...rest } = base;
        if (kind === 'chatbot' && id === session.ids.chatbot) continue;
        const variables = variablesOf(row, withLeaf(root, rest, [argument], id));
        answers.push(await ask(root, operationWith(root, []), { variables, key: session.key }));
      }
      expect(removeDuplicates(answers)).toHaveLength(1);
      expect([errorCodesOf(answers[0] as Answer), answers[0]?.data]).toEqual([['NOT_FOUND'], undefined]);
    },
  );
});
