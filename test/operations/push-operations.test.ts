import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { MAX_DOCUMENTS } from '../../src/domain/operations.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { mutate } from '../schema/support.ts';
import { createPersistedOnlyKey, idOf, push } from './support.ts';

const KIND = 'query Kind { viewer { kind } }';
const SCOPES = 'query Scopes { viewer { scopes } }';

interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** Pushes documents that are refused, and returns the problems. */
async function pushRefused(gateway: TestGateway, documents: readonly object[], name = 'web') {
  const { code, fields } = await mutate<{ code: string; fields: Problem[] }>(gateway, 'pushOperations', {
    name,
    documents,
  });
  expect(code).toBe('INVALID_INPUT');
  return fields;
}

const MANIFESTS = `{ viewer { account { operationManifests { totalCount nodes {
  id name version retiresAt operations { totalCount nodes { documentId name document cost isTool lastUsedAt } }
} } } } }`;

interface Manifest {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly retiresAt: string | null;
  readonly operations: { readonly totalCount: number; readonly nodes: readonly Operation[] };
}

interface Operation {
  readonly documentId: string;
  readonly name: string;
  readonly lastUsedAt: string | null;
}

async function listManifests(gateway: TestGateway): Promise<Manifest[]> {
  const { data } = await gateway.graphql<{ viewer: { account: { operationManifests: { nodes: Manifest[] } } } }>(
    MANIFESTS,
  );
  return data.viewer.account.operationManifests.nodes;
}

/** Runs a document by its id; returns the error code, or undefined if it runs. */
async function codeOf(gateway: TestGateway, documentId: string, key: string): Promise<unknown> {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ documentId }),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  return errors?.[0]?.extensions.code;
}

describe('pushOperations', () => {
  it('stores a version with its documents, names and costs', async () => {
    const gateway = await openSharedGateway();
    const list = 'query List($n: Int = 5) { chatbots(first: $n) { nodes { id } } }';
    const documents = [
      { documentId: 'kind', document: KIND },
      { document: list, isTool: true },
      { document: '{ viewer { id } }' },
    ];
    await mutate(gateway, 'pushOperations', { name: 'web', documents });
    expect(await listManifests(gateway)).toEqual([
      {
        id: expect.any(String),
        name: 'web',
        version: 1,
        retiresAt: null,
        operations: {
          totalCount: 3,
          nodes: [
            { documentId: 'kind', name: 'Kind', document: KIND, cost: 1, isTool: false, lastUsedAt: null },
            { documentId: idOf(list), name: 'List', document: list, cost: 6, isTool: true, lastUsedAt: null },
            {
              documentId: idOf('{ viewer { id } }'),
              name: null,
              document: '{ viewer { id } }',
              cost: 1,
              isTool: false,
              lastUsedAt: null,
            },
          ],
        },
      },
    ]);
  });

  it('makes a new version of each change, and none of a repetition; all versions run', async () => {
    const gateway = await openSharedGateway();
    const first = await push(gateway, [KIND]);
    expect(await push(gateway, [KIND])).toEqual(first);
    const [second, ...others] = await Promise.all(Array.from({ length: 5 }, () => push(gateway, [SCOPES, KIND])));
    expect(second?.version).toBe(2);
    expect(others).toEqual(Array.from({ length: 4 }, () => second));
    expect((await push(gateway, [SCOPES])).version).toBe(3);
    const { key } = await createPersistedOnlyKey(gateway);
    expect([await codeOf(gateway, idOf(KIND), key), await codeOf(gateway, idOf(SCOPES), key)]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('refuses a list of documents that is empty, too long or has an id twice, and a bad name', async () => {
    const gateway = await openSharedGateway();
    expect(await pushRefused(gateway, [])).toEqual([{ path: ['documents'], message: 'Push at least one document.' }]);
    const many = Array.from({ length: 5_000 }, (_, index) => ({ document: `query Q${index} { viewer { kind } }` }));
    const large = await pushRefused(gateway, many);
    expect(large).toEqual([{ path: ['documents'], message: 'At most 1,000 documents are accepted.' }]);
    expect(await pushRefused(gateway, [{ document: KIND }, { document: KIND }])).toEqual([
      {
        path: ['documents', '1', 'documentId'],
        message: `query Kind: Another document of this push has the id ${idOf(KIND)}.`,
      },
    ]);
    for (const name of ['', 'chat', 'a b', '-a', 'x'.repeat(65)]) {
      expect((await pushRefused(gateway, [{ document: KIND }], name)).map(({ path }) => path)).toEqual([['name']]);
    }
    expect(await listManifests(gateway)).toEqual([]);
  });

  it('names each document that is refused, with the reason, and stores none', async () => {
    const gateway = await openSharedGateway();
    const nested = `query Deep ${'{ chatbots(first: 100) { nodes { conversations(first: 100) { nodes { messages(first: 100) { nodes { id } } } } } } }'}`;
    const documents = [
      { document: KIND },
      { documentId: 'unknown-field', document: '{ nonsense }' },
      { documentId: 'no-graphql', document: 'hello {' },
      { documentId: 'costly', document: nested },
      { documentId: 'two', document: 'query A { viewer { id } } query B { viewer { id } }' },
      { documentId: 'none', document: 'fragment F on Viewer { id }' },
      { documentId: 'with space', document: KIND },
      { documentId: `sha256:${'0'.repeat(64)}`, document: KIND },
      { documentId: 'tool', document: '{ viewer { id } }', isTool: true },
      { documentId: 'long', document: `# ${'x'.repeat(60_000)}\n${KIND}` },
    ];
    const problems = await pushRefused(gateway, documents);
    expect(problems.map(({ path, message }) => [path.slice(1).join('.'), message])).toEqual([
      ['1.document', 'unknown-field: Cannot query field "nonsense" on type "Query". Did you mean "nodes"?'],
      ['2.document', expect.stringMatching(/^no-graphql: Syntax Error: /)],
      ['3.document', 'costly: The query is too complex: its cost may be at most 10000.'],
      ['4.document', 'two: Must contain exactly one operation.'],
      ['5.document', 'none: Must contain exactly one operation.'],
      ['6.documentId', 'with space: Must be 1 to 128 letters, digits, `:`, `_` and `-`.'],
      ['7.documentId', `sha256:${'0'.repeat(64)}: Must be the SHA-256 of the document, ${idOf(KIND)}.`],
      ['8.isTool', 'tool: A tool must be a query or a mutation with a name.'],
      ['9.document', 'long: Must have at most 50,000 characters.'],
    ]);
    const invalid = Array.from({ length: MAX_DOCUMENTS }, (_, index) => ({ document: `query Q${index} { nonsense }` }));
    const many = await pushRefused(gateway, invalid);
    expect(many).toHaveLength(21);
    expect(many.at(-1)).toEqual({ path: ['documents'], message: '980 more documents are refused.' });
    expect(await listManifests(gateway)).toEqual([]);
  });

  it('refuses an id that is another document in a version that has not retired', async () => {
    const gateway = await openSharedGateway();
    const first = await push(gateway, [{ documentId: 'main', document: KIND }]);
    expect(await pushRefused(gateway, [{ documentId: 'main', document: SCOPES }])).toEqual([
      {
        path: ['documents', '0', 'documentId'],
        message: expect.stringMatching(/^main: Is another document in a version of web /),
      },
    ]);
    await push(gateway, [{ documentId: 'main', document: SCOPES }], 'other');
    await mutate(gateway, 'retireOperations', { id: first.id, retiresAt: '2020-01-01T00:00:00Z' });
    expect((await push(gateway, [{ documentId: 'main', document: SCOPES }])).version).toBe(2);
  });

  it('deletes the versions that retired 30 days ago, except for the newest', async () => {
    const gateway = await openSharedGateway();
    const versions = async () => (await listManifests(gateway)).map(({ name, version }) => `${name} ${version}`);
    const pushed = [await push(gateway, [KIND]), await push(gateway, [SCOPES]), await push(gateway, [KIND], 'other')];
    for (const { id } of pushed) await mutate(gateway, 'retireOperations', { id, retiresAt: '2020-01-01T00:00:00Z' });
    await push(gateway, [KIND], 'third');
    expect(await versions()).toEqual(['third 1', 'other 1', 'web 2', 'web 1']);
    const monthsAgo = toTimestamp(Date.now() - 31 * 24 * 60 * 60 * 1_000);
    await gateway.deps.db.transaction((trx) =>
      trx.updateTable('operation_manifests').set({ retires_at: monthsAgo }).where('name', '!=', 'third').execute(),
    );
    await push(gateway, [KIND]);
    expect(await versions()).toEqual(['web 3', 'third 1', 'other 1', 'web 2']);
  });
});

describe('retireOperations', () => {
  it('ends the documents of a version at once or at its time, unless another version has them', async () => {
    const gateway = await openSharedGateway();
    const { key } = await createPersistedOnlyKey(gateway);
    const first = await push(gateway, [KIND, SCOPES]);
    const second = await push(gateway, [SCOPES]);
    const codes = async () => [await codeOf(gateway, idOf(KIND), key), await codeOf(gateway, idOf(SCOPES), key)];
    expect(await codes()).toEqual([undefined, undefined]);
    await mutate(gateway, 'retireOperations', { id: first.id, retiresAt: '2020-01-01T00:00:00Z' });
    expect(await codes()).toEqual(['OPERATION_NOT_ALLOWED', undefined]);
    await mutate(gateway, 'retireOperations', { id: first.id, retiresAt: '2100-01-01T00:00:00Z' });
    expect(await codes()).toEqual([undefined, undefined]);
    const soon = new Date(Date.now() + 150).toISOString();
    await mutate(gateway, 'retireOperations', { id: second.id, retiresAt: soon });
    await mutate(gateway, 'retireOperations', { id: first.id, retiresAt: soon });
    await setTimeout(150);
    expect(await codes()).toEqual(['OPERATION_NOT_ALLOWED', 'OPERATION_NOT_ALLOWED']);
    expect((await listManifests(gateway)).map(({ version, retiresAt }) => [version, retiresAt])).toEqual([
      [2, soon],
      [1, soon],
    ]);
  });
});

it('the last use of a document counts for the newest version that has it, and is stored', async () => {
  const gateway = await openSharedGateway();
  const first = await push(gateway, [KIND, SCOPES]);
  await push(gateway, [SCOPES]);
  await codeOf(gateway, idOf(SCOPES), gateway.key);
  const uses = async () =>
    (await listManifests(gateway)).map(({ operations }) =>
      operations.nodes.map(({ lastUsedAt }) => lastUsedAt !== null),
    );
  expect(await uses()).toEqual([[true], [false, false]]);
  await codeOf(gateway, idOf(KIND), gateway.key);
  expect(await uses()).toEqual([[true], [true, false]]);
  const stored = () =>
    gateway.deps.db.read
      .selectFrom('operations')
      .select('name')
      .where('manifest_id', '=', first.id)
      .where('last_used_at', 'is not', null)
      .execute();
  await vi.waitFor(async () => expect(await stored()).toEqual([{ name: 'Kind' }]), { timeout: 10_000 });
});

describe('Chatbot.sessionOperations', () => {
  const SETTINGS = '{ chatbots { nodes { persistedOnly sessionOperations { name version } } } }';

  it('is the newest version of the manifest that the owner has named', async () => {
    const gateway = await openSharedGateway();
    const { chatbot } = await mutate<{ chatbot: { id: string } }>(
      gateway,
      'createChatbot',
      { name: 'Helper' },
      { selection: 'chatbot { id }' },
    );
    const read = async () =>
      (await gateway.graphql<{ chatbots: { nodes: object[] } }>(SETTINGS)).data.chatbots.nodes[0];
    expect(await read()).toEqual({ persistedOnly: false, sessionOperations: null });
    const unknown = { id: chatbot.id, sessionOperations: 'web' };
    expect(await mutate(gateway, 'updateChatbot', unknown)).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['sessionOperations'], message: expect.any(String) }],
    });
    await push(gateway, [KIND]);
    await push(gateway, [SCOPES]);
    await mutate(gateway, 'updateChatbot', { id: chatbot.id, sessionOperations: 'web', persistedOnly: true });
    expect(await read()).toEqual({ persistedOnly: true, sessionOperations: { name: 'web', version: 2 } });
    await mutate(gateway, 'updateChatbot', { id: chatbot.id, name: 'Other' });
    expect(await read()).toMatchObject({ sessionOperations: { name: 'web' } });
    await mutate(gateway, 'updateChatbot', { id: chatbot.id, sessionOperations: 'chat', persistedOnly: null });
    expect(await read()).toEqual({ persistedOnly: false, sessionOperations: null });
  });
});
