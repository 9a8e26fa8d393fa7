import { type DocumentNode, Kind, parse, visit } from 'graphql';
import { type Kysely, sql } from 'kysely';

/** Adds the indexes of the orders and filters of lists, and writes webhooks' documents in the new filter of sources. */
export async function addListIndexes(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  // Conversations are ordered by creation like their ids, which an index of each chatbot contains already.
  await schema.dropIndex('conversations_by_creation').execute();
  await schema.dropIndex('conversations_of_chatbot_by_creation').execute();
  await schema.createIndex('conversations_by_account').on('conversations').columns(['account_id', 'id']).execute();
  await schema.createIndex('leads_by_account').on('leads').columns(['account_id', 'id']).execute();
  await schema.createIndex('sources_by_update').on('sources').columns(['chatbot_id', 'updated_at', 'id']).execute();
  await sql`create index leads_by_email on leads (account_id, lower(email), id)`.execute(db);
  await sql`create index sources_by_title on sources (chatbot_id, lower(title), id)`.execute(db);
  await schema
    .createIndex('webhook_deliveries_by_status')
    .on('webhook_deliveries')
    .columns(['subscription_id', 'status', 'id'])
    .execute();
  await schema.dropIndex('webhook_deliveries_by_event').execute();
  await schema
    .createIndex('webhook_deliveries_by_event')
    .on('webhook_deliveries')
    .columns(['event_id', 'id'])
    .execute();
  await rewriteSourceFilters(db);
}

/** Replaces the argument `status` of lists of sources, so that receivers get the same bodies. */
async function rewriteSourceFilters(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ id: string; document: string }>`
    select id, document from webhook_subscriptions where document like '%sources%'
  `.execute(db);
  for (const { id, document } of rows) {
    const rewritten = rewriteDocument(document);
    if (rewritten === document) continue;
    await sql`update webhook_subscriptions set document = ${rewritten} where id = ${id}`.execute(db);
  }
}

/** A document that cannot be parsed is returned unchanged: the gateway reports it and sends default bodies. */
function rewriteDocument(text: string): string {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch {
    return text;
  }
  // In the order of the text, as `visit` meets the nodes.
  const edits: { start: number; end: number; text: string }[] = [];
  visit(document, {
    Field({ name, arguments: args = [] }) {
      const status = name.value === 'sources' ? args.find((argument) => argument.name.value === 'status') : undefined;
      if (status?.loc === undefined) return;
      const { start, end } = status.loc;
      if (status.value.kind === Kind.ENUM)
        edits.push({ start, end, text: `filter: { statuses: [${status.value.value}] }` });
      if (status.value.kind === Kind.NULL) edits.push({ start, end, text: 'filter: null' });
    },
  });
  return edits.reduceRight((edited, { start, end, text }) => edited.slice(0, start) + text + edited.slice(end), text);
}
