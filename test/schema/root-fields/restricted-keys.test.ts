import {
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../../schema/index.ts';
import { allowsRestricted } from '../../../schema/scopes.ts';
import { issueApiKey } from '../../../src/access/api-keys.ts';
import { SCOPES } from '../../../src/domain/entities.ts';
import { createId } from '../../../src/domain/ids.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { type Answer, createTransports } from '../../helpers/transports.ts';
import { removeDuplicates } from '../support.ts';
import { type Args, operationOf, ROOT_FIELDS, type Row, rootFieldOf, variablesOf, withLeaf } from './row.ts';
import { ROWS } from './table.ts';
import { openWorlds, type World, type Worlds } from './world.ts';

let worlds: Worlds;
let own: World;
/** Objects of the same account that belong to other chatbots, or to the account as a whole. */
let sibling: World;
let key: string;
let transports: ReturnType<typeof createTransports>;
let siblingRows: unknown;

beforeAll(async () => {
  worlds = await openWorlds();
  own = worlds.own;
  sibling = await worlds.createSibling();
  transports = createTransports(own);
  const { deps, accountId, ids, pausedChatbotId } = own;
  const created = await deps.db.transaction((trx) =>
    issueApiKey(trx, deps.clock.now(), accountId, {
      name: 'Restricted',
      scopes: SCOPES,
      chatbotIds: [ids.chatbot, pausedChatbotId],
    }),
  );
  key = created.secret;
  siblingRows = await readRows();
});
afterAll(async () => {
  // No request of the tests has changed the other chatbots.
  expect(await readRows()).toEqual(siblingRows);
  transports.close();
  await worlds.close();
});

async function readRows(): Promise<unknown> {
  const { deps, ids, pausedChatbotId } = sibling;
  const chatbots = [ids.chatbot, pausedChatbotId];
  const { read } = deps.db;
  return Promise.all([
    read.selectFrom('chatbots').selectAll().where('id', 'in', chatbots).orderBy('id').execute(),
    read.selectFrom('sources').selectAll().where('chatbot_id', 'in', chatbots).orderBy('id').execute(),
    read.selectFrom('conversations').selectAll().where('chatbot_id', 'in', chatbots).orderBy('id').execute(),
    read.selectFrom('leads').selectAll().where('chatbot_id', 'in', chatbots).orderBy('id').execute(),
    read.selectFrom('webhook_subscriptions').selectAll().where('id', '=', ids.webhookSubscription).execute(),
  ]);
}

function run(row: Row, args: Args): Promise<Answer> {
  const ask = rootFieldOf(row.field).kind === 'subscription' ? transports.sse : transports.http;
  return ask({ query: operationOf(row), variables: variablesOf(row, args), key });
}

const rowsWithIds = ROWS.flatMap((row) =>
  Object.entries(row.ids ?? {})
    .filter(([_path, { kind }]) => kind !== 'account')
    .map(([path, argument]) => [`${row.field} ${path}`, row, path, argument] as const),
);

describe('a key that is restricted to chatbots', () => {
  it.each(rowsWithIds)(
    "gets the answer for an unknown id from %s of another chatbot's",
    async (_title, row, path, argument) => {
      const base = row.args ? await row.args(own) : {};
      const hidden = sibling.ids[argument.kind];
      const answers: Answer[] = [];
      for (const id of [createId(argument.kind), hidden, hidden.toUpperCase()]) {
        answers.push(await run(row, argument.args?.(id, own) ?? withLeaf(row.field, base, path.split('.'), id)));
      }
      expect(removeDuplicates(answers)).toHaveLength(1);
      // The answer is that to an unknown id, and no other refusal.
      expect(errorCodesOf(answers[0] as Answer)).not.toContain('INTERNAL_SERVER_ERROR');
    },
  );

  it.each(listUnidentified())('reads nothing of other chatbots by %s', async (_title, path) => {
    const answer = await runDeepest(path);
    const text = JSON.stringify(answer.data);
    const { account, apiKey: _, ...ids } = sibling.ids;
    const hidden = [...Object.values(ids), sibling.pausedChatbotId, sibling.unfinished.conversationId];
    expect(hidden.filter((id) => text?.includes(id))).toEqual([]);
    expect(text).not.toContain(sibling.paused.conversationId);
    const shown: Readonly<Record<string, string>> = {
      chatbots: own.ids.chatbot,
      conversations: own.ids.conversation,
      leads: own.ids.lead,
    };
    expect(text).toContain(shown[path[0]?.name ?? ''] ?? '');
  });

  it('may use only fields that limit what they show', async () => {
    const forbidden = [...ROOT_FIELDS.values()].filter(({ kind, definition }) => {
      return !allowsRestricted(rootTypeOf(kind), definition);
    });
    expect(forbidden.map(({ definition }) => definition.name)).toEqual(
      expect.arrayContaining(['createChatbot', 'quotaWarnings', 'setProviderKey']),
    );
    for (const { definition } of forbidden) {
      const row = ROWS.find(({ field }) => field === definition.name) as Row;
      const answer = await run(row, row.args ? await row.args(own) : {});
      expect([definition.name, answer.errors?.[0]?.extensions]).toEqual([
        definition.name,
        { code: 'FORBIDDEN', requiredScopes: [], path: [definition.name] },
      ]);
    }
  });
});

const rootTypeOf = (kind: string) =>
  ({ query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() })[
    kind
  ] as GraphQLNamedType;

type Path = readonly GraphQLField<unknown, unknown>[];

/** The fields of queries and of the account that need no argument, and that a restricted key may select. */
function listUnidentified(): (readonly [string, Path])[] {
  const query = schema.getQueryType();
  const account = schema.getType('Account');
  if (!query || !isObjectType(account)) throw new Error('The schema has no query or account.');
  const viewer = query.getFields().viewer as GraphQLField<unknown, unknown>;
  const viewerType = getNamedType(viewer.type);
  const accountField = isObjectType(viewerType) && viewerType.getFields().account;
  if (!accountField) throw new Error('The viewer has no account.');
  const paths: Path[] = [
    ...Object.values(query.getFields())
      .filter((field) => allowsRestricted(query, field))
      .map((field) => [field]),
    ...Object.values(account.getFields())
      .filter((field) => allowsRestricted(account, field))
      .map((field) => [viewer, accountField, field]),
  ];
  return paths
    .filter((path) => path.every(needsNoArgument))
    .map((path) => [path.map(({ name }) => name).join('.'), path] as const);
}

const needsNoArgument = ({ args }: GraphQLField<unknown, unknown>) =>
  args.every(({ type, defaultValue }) => !isNonNullType(type) || defaultValue !== undefined);

/** Runs a query that selects everything that needs no argument, as deep as the limits allow. */
async function runDeepest(path: Path): Promise<Answer> {
  for (let depth = 5; depth > 0; depth--) {
    const last = path.at(-1) as Path[number];
    const query = path
      .slice(0, -1)
      .reduceRight((inner, { name }) => `{ ${name} ${inner} }`, `{ ${select(last, depth)} }`);
    const answer = await transports.http({ query, key });
    const codes = errorCodesOf(answer);
    if (codes.includes('QUERY_TOO_COMPLEX')) continue;
    // A field that needs one of several arguments answers that.
    if (codes.length > 0) expect(codes).toEqual(['BAD_USER_INPUT']);
    else expect(answer.data).toEqual(expect.any(Object));
    return answer;
  }
  throw new Error('Every query is too complex.');
}

function select(field: Path[number], depth: number): string {
  const type = getNamedType(field.type);
  if (!isObjectType(type) && !isInterfaceType(type)) return field.name;
  const fields = Object.values(type.getFields()).filter(
    (inner) =>
      needsNoArgument(inner) &&
      allowsRestricted(type, inner) &&
      inner.name !== 'edges' &&
      inner.name !== 'totalCount' &&
      (depth > 1 || !isObjectType(getNamedType(inner.type))),
  );
  return `${field.name} { __typename ${fields.map((inner) => (isObjectType(getNamedType(inner.type)) || isInterfaceType(getNamedType(inner.type)) ? (depth > 1 ? select(inner, depth - 1) : '') : inner.name)).join(' ')} }`;
}
