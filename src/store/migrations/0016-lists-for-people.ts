import { type Kysely, sql } from 'kysely';

/**
 * Adds what the lists of people show and order by: when a conversation was last written to, who waits since when, when
 * it was closed and first answered by a person, and labels, priority and snoozing.
 */
export async function addListColumns(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  // Gateways of earlier versions insert rows during an update, so each column has a default or accepts null. An empty
  // `last_message_at` means `created_at`; an empty `read_until` means that nothing was read.
  for (const column of ['last_message_at', 'read_until']) {
    await schema
      .alterTable('conversations')
      .addColumn(column, 'text', (c) => c.notNull().defaultTo(''))
      .execute();
  }
  for (const column of ['unread_since', 'waiting_since', 'closed_at', 'first_agent_reply_at', 'snoozed_until']) {
    await schema.alterTable('conversations').addColumn(column, 'text').execute();
  }
  await schema
    .alterTable('conversations')
    .addColumn('labels', 'text', (c) => c.notNull().defaultTo('[]'))
    .execute();
  await schema
    .alterTable('conversations')
    .addColumn('priority', 'text', (c) => c.notNull().defaultTo('NORMAL'))
    .execute();
  await fillTimes(db);
  await fillUnread(db);
  await createIndexes(db);
}

/** The last columns of the partial indexes let counts be made within them. */
async function createIndexes({ schema }: Kysely<unknown>): Promise<void> {
  await schema.dropIndex('conversations_by_status').execute();
  const byMessage = ['last_message_at', 'id'];
  const indexes: { name: string; columns: string[]; where?: ReturnType<typeof sql<boolean>> }[] = [
    { name: 'by_message', columns: ['account_id', ...byMessage] },
    { name: 'by_creation', columns: ['account_id', 'created_at', 'id'] },
    { name: 'by_status', columns: ['account_id', 'status', ...byMessage] },
    { name: 'of_chatbot_by_message', columns: ['chatbot_id', ...byMessage] },
    { name: 'of_chatbot_by_creation', columns: ['chatbot_id', 'created_at', 'id'] },
    { name: 'of_chatbot_by_status', columns: ['chatbot_id', 'status', ...byMessage] },
    {
      name: 'waiting',
      columns: ['account_id', 'waiting_since', 'id'],
      where: sql<boolean>`waiting_since is not null`,
    },
    {
      name: 'of_chatbot_waiting',
      columns: ['chatbot_id', 'waiting_since', 'id'],
      where: sql<boolean>`waiting_since is not null`,
    },
    {
      name: 'no_longer_waiting',
      columns: ['silent_until'],
      where: sql<boolean>`waiting_since is not null and status <> 'ESCALATED'`,
    },
    {
      name: 'unread',
      columns: ['account_id', ...byMessage, 'status', 'chatbot_id', 'unread_since'],
      where: sql<boolean>`unread_since is not null`,
    },
    {
      name: 'assigned',
      columns: ['account_id', 'assignee', ...byMessage, 'status', 'chatbot_id'],
      where: sql<boolean>`assignee is not null`,
    },
    {
      name: 'with_agent',
      columns: ['account_id', ...byMessage],
      where: sql<boolean>`silent_until is not null`,
    },
    {
      name: 'silent',
      columns: ['account_id', 'silent_until', 'chatbot_id'],
      where: sql<boolean>`silent_until is not null`,
    },
  ];
  for (const { name, columns, where } of indexes) {
    const index = schema.createIndex(`conversations_${name}`).on('conversations').columns(columns);
    await (where ? index.where(where) : index).execute();
  }
  await schema
    .createIndex('messages_rated')
    .on('messages')
    .columns(['conversation_id', 'rating'])
    .where(sql<boolean>`rating is not null`)
    .execute();
}

async function fillTimes(db: Kysely<unknown>): Promise<void> {
  const ofConversation = sql`from messages where conversation_id = conversations.id and is_private = 0`;
  await sql`
    update conversations set
      last_message_at = coalesce((select max(created_at) ${ofConversation}), created_at),
      first_agent_reply_at = (select min(created_at) ${ofConversation} and role = 'AGENT'),
      closed_at = case status when 'CLOSED' then updated_at end`.execute(db);
}

/**
 * Until now `unread_count` counted the visitor's messages since a person answered or marked them as read; a reply that
 * is not the fallback message answers them too.
 */
async function fillUnread(db: Kysely<unknown>): Promise<void> {
  await sql`
    update conversations set read_until = coalesce((
      select max(m.id) from messages as m join chatbots as c on c.id = conversations.chatbot_id
      where m.conversation_id = conversations.id and m.is_private = 0 and (
        m.role = 'AGENT' or (m.role = 'ASSISTANT' and m.status = 'COMPLETED' and m.content <> c.fallback_message))
    ), '')`.execute(db);
  // The newest visitor message that is not counted: a person has read it, and all before it.
  const lastRead = sql`(
    select ranked.id from (
      select m.id, row_number() over (order by m.id desc) as place from messages as m
      where m.conversation_id = conversations.id and m.role = 'USER') as ranked
    where ranked.place = conversations.unread_count + 1)`;
  await sql`update conversations set read_until = ${lastRead} where read_until < ${lastRead}`.execute(db);
  const unread = sql`
    from messages as m where m.conversation_id = conversations.id and m.is_shown = 1 and m.role = 'USER'
    and m.id > conversations.read_until`;
  await sql`
    update conversations set
      unread_count = (select count(*) ${unread}),
      unread_since = (select min(m.created_at) ${unread}),
      waiting_since = case
        when status = 'ESCALATED' or silent_until is not null then (select min(m.created_at) ${unread}) end`.execute(
    db,
  );
}
