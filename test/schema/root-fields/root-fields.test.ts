import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SCOPES, type Scope } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { type Answer, type Ask, createTransports, TRANSPORTS } from '../../helpers/transports.ts';
import { removeDuplicates } from '../support.ts';
import { listWrongAnswers } from './bad-values.ts';
import { type Args, type IdArgument, operationOf, type Row, rootFieldOf, variablesOf, withLeaf } from './row.ts';
import { ROWS } from './table.ts';
import { openWorlds, type World, type Worlds } from './world.ts';

let worlds: Worlds;
let world: World;
let transports: ReturnType<typeof createTransports>;
const keyByScope = new Map<Scope, string>();
let foreignRows: unknown;

beforeAll(async () => {
  worlds = await openWorlds();
  world = worlds.own;
  transports = createTransports(world);
  for (const scope of SCOPES) keyByScope.set(scope, await world.createKey(world.accountId, [scope]));
  foreignRows = await readRows(worlds.foreign);
});
afterAll(async () => {
  // No request of the tests has changed the other account.
  expect(await readRows(worlds.foreign)).toEqual(foreignRows);
  transports.close();
  await worlds.close();
});

/** Everything that an account has stored, without the time of the last use of its keys. */
async function readRows({ deps, accountId }: World): Promise<unknown> {
  const tables = ['chatbots', 'sources', 'conversations', 'messages', 'leads'] as const;
  const webhookTables = ['webhook_subscriptions', 'webhook_deliveries'] as const;
  return Promise.all(
    [...tables, ...webhookTables].map((table) =>
      deps.db.read.selectFrom(table).selectAll().where('account_id', '=', accountId).orderBy('id').execute(),
    ),
  );
}

const titleOf = ({ field, scopes }: Row) => `${field} with ${scopes.map((set) => set.join('+')).join(' or ')}`;
const makeArgs = async ({ args }: Row): Promise<Args> => (args ? await args(world) : {});

/** Runs a root field; by default with all scopes, over HTTP or, for a subscription, over server-sent events. */
function run(
  row: Row,
  args: Args,
  { key = world.key, ask }: { key?: string | undefined; ask?: Ask } = {},
): Promise<Answer> {
  const runWith = ask ?? (rootFieldOf(row.field).kind === 'subscription' ? transports.sse : transports.http);
  return runWith({ query: operationOf(row), variables: variablesOf(row, args), key });
}

/** The value of a field, the type of a mutation's result, or the code of an error. */
function outcomeOf({ field }: Row, { data, errors }: Answer): unknown {
  if (errors) return errorCodesOf({ errors }).join();
  const value = (data as Record<string, unknown>)[field];
  return rootFieldOf(field).kind === 'mutation' ? (value as { __typename: string }).__typename : value;
}

const payloadOf = (field: string) => `${field.charAt(0).toUpperCase()}${field.slice(1)}Payload`;
const keyFor = async (scopes: readonly Scope[]) =>
  (scopes.length === 1 && keyByScope.get(scopes[0] as Scope)) || (await world.createSpareKey(scopes)).secret;

describe.each(ROWS.map((row) => [titleOf(row), row] as const))('%s', (_title, row) => {
  const { field, scopes, ids = {}, errors = {} } = row;
  const { kind } = rootFieldOf(field);

  it.each(scopes.map((set) => [set.join('+'), set] as const))('succeeds with %s', async (_name, set) => {
    const key = await (row.createCredential?.(world) ?? keyFor(set));
    const readers = world.deps.bus.size;
    const answer = run(row, await makeArgs(row), { key });
    if (row.trigger) {
      await vi.waitFor(() => expect(world.deps.bus.size).toBeGreaterThan(readers));
      await row.trigger(world);
    }
    const outcome = outcomeOf(row, await answer);
    expect(outcome).toEqual(kind === 'mutation' ? payloadOf(field) : expect.any(Object));
  });

  const insufficient = SCOPES.filter((scope) => !scopes.some((set) => set.every((each) => each === scope)));
  it.runIf(insufficient.length > 0)('is FORBIDDEN with any other scope, over every transport', async () => {
    const args = await makeArgs(row);
    for (const scope of insufficient) {
      const key = await keyFor([scope]);
      const extensions = { code: 'FORBIDDEN', requiredScopes: smallestSufficient(row, scope), path: [field] };
      for (const name of TRANSPORTS.filter((each) => each !== 'http' || kind !== 'subscription')) {
        const { data, errors: refusals } = await run(row, args, { key, ask: transports[name] });
        expect([name, scope, data, refusals?.map((error) => error.extensions)]).toEqual([
          ...[name, scope, undefined],
          [extensions],
        ]);
      }
    }
  });

  it('is UNAUTHENTICATED without a key', async () => {
    const variables = variablesOf(row, await makeArgs(row));
    const { status, ...answer } = await transports.http({ query: operationOf(row), variables, key: undefined });
    expect([status, errorCodesOf(answer), answer.data]).toEqual([401, ['UNAUTHENTICATED'], undefined]);
  });

  it.each(Object.entries(ids))("answers for another account's %s as for an unknown id", async (path, argument) => {
    const base = await makeArgs(row);
    const other = createId(argument.kind === 'account' ? 'message' : 'account');
    const foreign = worlds.foreign.ids[argument.kind];
    const malformed = ['', `${foreign.slice(1)}\0\ud800`, 'x'.repeat(100_000)];
    const given = [foreign, foreign.toUpperCase(), createId(argument.kind), other, ...malformed];
    const answers: Answer[] = [];
    for (const id of given) {
      answers.push(await run(row, argument.args?.(id, world) ?? withLeaf(field, base, path.split('.'), id)));
    }
    expect(removeDuplicates(answers)).toHaveLength(1);
    const [answer] = answers as [Answer];
    const unknown = unknownOf(kind, argument);
    const outcome = outcomeOf(row, answer);
    if (kind === 'mutation' && typeof unknown === 'object') expect(answer.data).toMatchObject({ [field]: unknown });
    else expect(outcome).toEqual(unknown);
  });

  it.each(Object.entries(errors))('returns %s', async (name, make) => {
    const args = await make(world);
    expect(outcomeOf(row, await run(row, args, { key: await row.createCredential?.(world) }))).toBe(name);
  });

  it.each((row.refuses ?? []).map((make, index) => [index, make] as const))(
    'refuses arguments that the schema allows: %i',
    async (_index, make) => {
      expect(outcomeOf(row, await run(row, await make(world)))).toBe('BAD_USER_INPUT');
    },
  );

  it('refuses bad values of its arguments without an internal error', async () => {
    const base = await makeArgs(row);
    const key = await row.createCredential?.(world);
    expect(await listWrongAnswers(row, base, (args) => run(row, args, { key }))).toEqual([]);
  });
});

/** The smallest sufficient set of scopes; of several, one that contains the scope that the credential has. */
function smallestSufficient({ scopes }: Row, held: Scope): readonly Scope[] | undefined {
  const countHeld = (set: readonly Scope[]) => (set.includes(held) ? 1 : 0);
  return scopes.toSorted((a, b) => a.length - b.length || countHeld(b) - countHeld(a))[0];
}

function unknownOf(kind: string, { unknown }: IdArgument): unknown {
  if (unknown !== undefined) return unknown;
  return { query: null, mutation: 'NotFoundError', subscription: 'NOT_FOUND' }[kind];
}
