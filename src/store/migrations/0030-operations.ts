import type { Kysely } from 'kysely';

/**
 * Adds manifests of operations, the documents that front ends send by id, and the settings that forbid all others. Keys
 * and chatbots that exist already go on accepting any document.
 */
export async function addOperations({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('operation_manifests')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'text', (c) => c.notNull())
    .addColumn('retires_at', 'text')
    .execute();
  await schema
    .createIndex('operation_manifests_by_name')
    .unique()
    .on('operation_manifests')
    .columns(['account_id', 'name', 'version'])
    .execute();
  await schema
    .createIndex('operation_manifests_by_account')
    .on('operation_manifests')
    .columns(['account_id', 'id'])
    .execute();
  await schema
    .createTable('operations')
    .addColumn('id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('manifest_id', 'text', (c) => c.notNull().references('operation_manifests.id').onDelete('cascade'))
    .addColumn('document_id', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('name', 'text')
    .addColumn('document', 'text', (c) => c.notNull())
    .addColumn('cost', 'integer', (c) => c.notNull())
    .addColumn('is_tool', 'integer', (c) => c.notNull())
    .addColumn('last_used_at', 'text')
    .execute();
  await schema.createIndex('operations_by_manifest').on('operations').columns(['manifest_id', 'id']).execute();
  await schema
    .createIndex('operations_by_document_id')
    .on('operations')
    .columns(['account_id', 'document_id', 'manifest_id'])
    .execute();
  await schema
    .createIndex('operations_by_hash')
    .on('operations')
    .columns(['account_id', 'hash', 'manifest_id'])
    .execute();
  await schema
    .alterTable('api_keys')
    .addColumn('persisted_only', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable('chatbots')
    .addColumn('persisted_only', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await schema.alterTable('chatbots').addColumn('session_operations', 'text').execute();
}
