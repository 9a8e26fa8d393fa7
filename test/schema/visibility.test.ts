import { readFileSync } from 'node:fs';
import { getNamedType, isLeafType, isNonNullType, isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../schema/index.ts';
import { SCOPES } from '../../src/domain/entities.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { askWith, createPublicChatbot, openSession } from '../visitors/support.ts';
import { mutate } from './support.ts';

const MATRIX = readFileSync(new URL('../../schema/visibility.md', import.meta.url), 'utf8');

/** A row of the matrix: a field, and whether a credential of each kind may select it. */
interface MatrixRow {
  readonly type: string;
  readonly field: string;
  readonly allows: Readonly<Record<string, boolean>>;
}

const rows = MATRIX.split('\n## ')
  .slice(1)
  .flatMap((section): MatrixRow[] => {
    const [type = '', ...lines] = section.split('\n');
    return lines.flatMap((line) => {
      const [, field, ...cells] = /^\| `(\w+)` \| (\w*) \| (\w*) \| (\w*) \| (\w*) \| (\w*) \|$/.exec(line) ?? [];
      if (field === undefined) return [];
      const kinds = [...SCOPES, 'restricted key', 'session'];
      return [{ type, field, allows: Object.fromEntries(kinds.map((kind, index) => [kind, cells[index] !== ''])) }];
    });
  });

/** The rows that a document can select without knowing a parent: the fields of nodes without required arguments. */
const nodeRows = rows.filter(({ type, field }) => {
  const object = schema.getType(type);
  if (!isObjectType(object) || !object.getInterfaces().some(({ name }) => name === 'Node')) return false;
  return object.getFields()[field]?.args.every((argument) => !isNonNullType(argument.type)) ?? false;
});

function documentOf({ type, field }: MatrixRow, id: string): string {
  const object = schema.getType(type);
  const definition = isObjectType(object) ? object.getFields()[field] : undefined;
  const selection = definition && isLeafType(getNamedType(definition.type)) ? '' : '{ __typename }';
  return `{ node(id: "${id}") { ... on ${type} { ${field} ${selection} } } }`;
}

describe('the matrix of fields and credentials', () => {
  let gateway: TestGateway;
  let chatbotId: string;
  beforeAll(async () => {
    gateway = await startGateway();
    chatbotId = await createPublicChatbot(gateway);
  });
  afterAll(() => gateway.close());

  it('has a row for each field of each object type', () => {
    const fields = Object.values(schema.getTypeMap())
      .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
      .flatMap((type) =>
        isObjectType(type) ? Object.keys(type.getFields()).map((name) => `${type.name}.${name}`) : [],
      );
    expect(rows.map(({ type, field }) => `${type}.${field}`).toSorted()).toEqual(fields.toSorted());
    expect(nodeRows.length).toBeGreaterThan(100);
  });

  it('is what a session gets', async () => {
    const { token } = await openSession(gateway, chatbotId);
    const send = `mutation { sendMessage(input: { chatbotId: "${chatbotId}", content: "Hello" }) {
      ... on SendMessagePayload { conversation { id } }
    } }`;
    const { data } = await askWith(gateway, token, send);
    const { id } = (data as unknown as { sendMessage: { conversation: { id: string } } }).sendMessage.conversation;
    for (const row of nodeRows) {
      const { codes } = await askWith(gateway, token, documentOf(row, id));
      expect([row.type, row.field, codes]).toEqual([row.type, row.field, row.allows.session ? [] : ['FORBIDDEN']]);
    }
  });

  it.each(['READ', 'CHAT'] as const)('is what a key with only %s gets', async (scope) => {
    const key = await gateway.createKey(gateway.accountId, [scope]);
    for (const row of nodeRows) {
      const { errors = [] } = await gateway.graphql(documentOf(row, chatbotId), {}, key);
      const codes = errors.map(({ extensions }) => extensions.code);
      expect([row.type, row.field, codes]).toEqual([row.type, row.field, row.allows[scope] ? [] : ['FORBIDDEN']]);
    }
  });

  it('gives nothing to nobody, and to a revoked session', async () => {
    const created = await mutate<{ token: string; sessionToken: { id: string } }>(
      gateway,
      'createSessionToken',
      { chatbotId },
      { selection: 'token sessionToken { id }' },
    );
    await mutate(gateway, 'revokeSessionToken', { id: created.sessionToken.id });
    for (const token of ['', created.token]) {
      const { codes } = await askWith(gateway, token, `{ node(id: "${chatbotId}") { id } }`);
      expect(codes).toEqual(['UNAUTHENTICATED']);
    }
  });
});
