import { expect, it, onTestFinished } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createSelections } from '../../../src/http/webhook-selections.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { describeDatabases } from '../../helpers/databases.ts';
import { openAtMigration } from './support.ts';

const at = '2026-01-01T00:00:00.000000+00:00';

/** Documents before and after the migration. */
const DOCUMENTS: readonly (readonly [string | null, string | null])[] = [
  [
    `# Ours.
subscription Ours { event {
  name, ... on MessageCompletedEvent { message { content } conversation { chatbot { name } } }
} }`,
    `# Ours.
subscription Ours { event {
  name: type, ... on MessageCompletedWebhook { message { content } conversation { chatbot { name } } }
} }`,
  ],
  [
    `subscription { e: event { ...E ... { ... on WebhookPayload { kind: name } } } }
    fragment E on LeadCapturedEvent { name lead { ...L } } fragment L on Lead { name }`,
    `subscription { e: event { ...E ... { ... on WebhookPayload { kind: type } } } }
    fragment E on LeadCapturedWebhook { name: type lead { ...L } } fragment L on Lead { name }`,
  ],
  [
    `subscription { event { chatbot { conversations { ...P } } } }
    fragment P on ChatbotConversationsConnection { edges { ... on ChatbotConversationsConnectionEdge { cursor } } }`,
    `subscription { event { chatbot { conversations(orderBy: { field: CREATED_AT }) { ...P } } } }
    fragment P on ConversationConnection { edges { ... on ConversationEdge { cursor } } }`,
  ],
  [
    `subscription { event { chatbot {
      open: conversations(first: 2, status: OPEN) { nodes { id } }
      any: conversations(status: null, last: 1) { nodes { messages(first: 1) { nodes { id } } } }
      done: sources(status: DONE, first: 2) { nodes { status } } all: sources(status: null) { nodes { id } }
    } } }`,
    `subscription { event { chatbot {
      open: conversations(first: 2, filter: { statuses: [OPEN] }, orderBy: { field: CREATED_AT }) { nodes { id } }
      any: conversations(filter: null, last: 1, orderBy: { field: CREATED_AT }) { nodes { messages(first: 1) { nodes { id } } } }
      done: sources(filter: { statuses: [DONE] }, first: 2) { nodes { status } } all: sources(filter: null) { nodes { id } }
    } } }`,
  ],
  // Documents that already fit no schema, and no document, stay as they are.
  ...['subscription { event { gone(name: "name") { name ... on constructor { name } } } }', 'subscription {', null].map(
    (document) => [document, document] as const,
  ),
];

describeDatabases('the migration of webhook documents', (engine) => {
  it('writes them in the new names, keeps the response names, and leaves the rest of the text as it was', async () => {
    const { db, url } = await openAtMigration(engine, '0013-public-names');
    const account = createId('account');
    await db
      .insertInto('accounts')
      .values({ id: account, name: 'A', created_at: at as never })
      .execute();
    for (const [document] of DOCUMENTS) {
      const endpoint = { url: 'https://a.example', description: '', events: '[]', sealed_secret: '', is_active: 1 };
      const owner = { account_id: account, created_at: at, updated_at: at, schedule: 'SHORT' };
      await db
        .insertInto('webhook_subscriptions')
        .values({ ...owner, ...endpoint, id: createId('webhookSubscription'), document } as never)
        .execute();
    }
    await db.destroy();

    const opened = await openDatabase({ url, role: 'gateway' });
    onTestFinished(() => opened.close());
    const rows = await opened.read.selectFrom('webhook_subscriptions').select('document').orderBy('id').execute();
    expect(rows.map(({ document }) => document)).toEqual(DOCUMENTS.map(([, expected]) => expected));
    const { findProblem } = createSelections(() => expect.fail('Nothing is executed.'));
    const fitting = rows.filter(({ document }) => document !== null && findProblem(document) === undefined);
    expect(fitting).toHaveLength(4);
  });
});
