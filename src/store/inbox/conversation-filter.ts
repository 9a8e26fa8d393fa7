import { type RawBuilder, sql } from 'kysely';
import type { ConversationFilter, ConversationOrder } from '../../domain/conversation-list.ts';
import type { Answerer } from '../../domain/entities.ts';
import type { Timestamp } from '../../domain/time.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';

/** A condition on a row. */
type Condition = RawBuilder<unknown>;

/** A part of a list that one index contains in the order of the list. */
export interface IndexRange {
  /** Makes SQLite use the index, if it would choose another; empty otherwise, and on Postgres. */
  readonly hint: Condition;
  /** The conditions that select the range of the index. */
  readonly where: Condition;
  /** The conditions that each row of the range is checked for; its table is called `scanned`. */
  readonly checks: readonly Condition[];
}

/** A list of conversations: the account's that meet a filter, at a moment. */
export interface ConversationList {
  readonly accountId: string;
  readonly filter: ConversationFilter;
  readonly order: ConversationOrder;
  readonly now: Timestamp;
  readonly isPostgres: boolean;
}

/** A list is read from this many ranges at most; if more are selected, rows of a larger range are checked instead. */
const MAX_RANGES = 8;

/** The columns that order conversations. */
export const ORDER_COLUMNS = {
  LAST_MESSAGE_AT: 'last_message_at',
  CREATED_AT: 'created_at',
  WAITING_SINCE: 'waiting_since',
} as const;

/**
 * Chooses the ranges that are read, and what is left to check: the index that contains the fewest other conversations.
 * Merged by the order, the ranges contain each conversation of the list once.
 */
export function chooseRanges(list: ConversationList): IndexRange[] {
  const { accountId, filter, order } = list;
  const checks = new Map(Object.entries(listConditions(list)));
  const ofAccount = sql`account_id = ${accountId}`;
  const choose = (wheres: readonly Condition[], ...covered: (keyof ConversationFilter)[]): IndexRange[] => {
    for (const name of covered) checks.delete(name);
    // The index that orders by the last message contains this range in one piece.
    const times = order.field === 'LAST_MESSAGE_AT' ? ['since', 'until'].flatMap((name) => checks.get(name) ?? []) : [];
    const suffix = times.map((time) => sql` and ${time}`);
    return wheres.map((where) => ({
      hint: sql``,
      where: sql`${where}${sql.join(suffix, sql``)}`,
      checks: [...checks.values()],
    }));
  };
  const { chatbotIds, statuses } = filter;
  if (order.field === 'WAITING_SINCE') {
    checks.set('waits', sql`(status = 'ESCALATED' or silent_until > ${list.now})`);
    const isWaiting = sql`waiting_since is not null`;
    if (chatbotIds === undefined || chatbotIds.length > MAX_RANGES) return choose([sql`${ofAccount} and ${isWaiting}`]);
    return choose(
      chatbotIds.map((id) => sql`chatbot_id = ${id} and ${isWaiting}`),
      'chatbotIds',
    );
  }
  if (filter.sessionId !== undefined) {
    const chatbots = chatbotIds ? sql`${sql.join(chatbotIds)}` : sql`select id from chatbots where ${ofAccount}`;
    return choose([sql`chatbot_id in (${chatbots}) and session_id = ${filter.sessionId}`], 'sessionId', 'chatbotIds');
  }
  if (order.field === 'LAST_MESSAGE_AT') {
    if (filter.assignee !== undefined) return choose([sql`${ofAccount} and assignee = ${filter.assignee}`], 'assignee');
    if (filter.hasUnread === true) {
      const hint = list.isPostgres ? sql`` : sql`indexed by conversations_unread`;
      const ranges = choose([sql`${ofAccount} and unread_since is not null`], 'hasUnread');
      return ranges.map((range) => ({ ...range, hint }));
    }
    if (filter.answeredBy === 'AGENT') return choose([sql`${ofAccount} and silent_until is not null`]);
  }
  const usesStatuses = order.field === 'LAST_MESSAGE_AT' && statuses !== undefined && statuses.length < 3;
  const statusRanges = usesStatuses ? statuses.map((status) => sql` and status = ${status}`) : [sql``];
  if (chatbotIds !== undefined && chatbotIds.length * statusRanges.length <= MAX_RANGES) {
    const wheres = chatbotIds.flatMap((id) => statusRanges.map((status) => sql`chatbot_id = ${id}${status}`));
    return choose(wheres, 'chatbotIds', ...(usesStatuses ? (['statuses'] as const) : []));
  }
  return choose(
    statusRanges.map((status) => sql`${ofAccount}${status}`),
    ...(usesStatuses ? (['statuses'] as const) : []),
  );
}

/** The conditions of a list by the filter's fields. */
function listConditions(list: ConversationList): { [field: string]: Condition } {
  const { accountId, filter, now } = list;
  const isIn = (column: string, values: readonly string[]) => sql`${sql.ref(column)} in (${sql.join(values)})`;
  const { chatbotIds, statuses, channels, lastMessageAt = {}, metadata = [] } = filter;
  const conditions: { [field: string]: Condition | undefined } = {
    account: sql`account_id = ${accountId}`,
    deleted: CHATBOT_NOT_DELETED,
    chatbotIds: chatbotIds && isIn('chatbot_id', chatbotIds),
    statuses: statuses && isIn('status', statuses),
    answeredBy: filter.answeredBy && answeredByCondition(filter.answeredBy, now),
    assignee: filter.assignee === undefined ? undefined : sql`assignee = ${filter.assignee}`,
    isUnassigned: isTrue(filter.isUnassigned, sql`assignee is null`, sql`assignee is not null`),
    // Unlike `unread_count`, this is in the index of the unread.
    hasUnread: isTrue(filter.hasUnread, sql`unread_since is not null`, sql`unread_since is null`),
    channels: channels && isIn('channel', channels),
    sessionId: filter.sessionId === undefined ? undefined : sql`session_id = ${filter.sessionId}`,
    hasLead: isTrue(filter.hasLead, HAS_LEAD, sql`not ${HAS_LEAD}`),
    rating: filter.rating && hasRating(filter.rating),
    labels: filter.labels && hasLabel(list, filter.labels),
    priority: filter.priority && sql`priority = ${filter.priority}`,
    since: lastMessageAt.since && sql`last_message_at >= ${lastMessageAt.since}`,
    until: lastMessageAt.until && sql`last_message_at < ${lastMessageAt.until}`,
  };
  for (const [index, entry] of metadata.entries()) conditions[`metadata ${index}`] = hasMetadata(list, entry);
  return Object.fromEntries(Object.entries(conditions).filter((entry): entry is [string, Condition] => !!entry[1]));
}

function isTrue(flag: boolean | undefined, yes: Condition, no: Condition): Condition | undefined {
  if (flag === undefined) return undefined;
  return flag ? yes : no;
}

function answeredByCondition(answerer: Answerer, now: Timestamp): Condition {
  return answerer === 'AGENT' ? sql`silent_until > ${now}` : sql`(silent_until is null or silent_until <= ${now})`;
}

/** Uses `leads_by_conversation`. */
const HAS_LEAD = sql`exists (select 1 from leads where leads.conversation_id = scanned.id)`;

/** Uses `messages_rated`. */
const hasRating = (rating: string) => sql`
  exists (select 1 from messages as m where m.conversation_id = scanned.id and m.rating = ${rating} and m.is_shown = 1)`;

function hasLabel({ isPostgres }: ConversationList, labels: readonly string[]): Condition {
  const items = isPostgres ? sql`json_array_elements_text(labels::json)` : sql`json_each(labels)`;
  const label = isPostgres ? sql`as label(value)` : sql`as label`;
  const found = sql`exists (select 1 from ${items} ${label} where label.value in (${sql.join(labels)}))`;
  return isPostgres ? unlessNul('labels', found) : found;
}

function hasMetadata({ isPostgres }: ConversationList, { key, value }: { key: string; value: string }): Condition {
  if (!isPostgres) {
    return sql`exists (
      select 1 from json_each(metadata) as entry where entry.key = ${key} and ${value} = case entry.type
        when 'text' then entry.atom when 'true' then 'true' when 'false' then 'false'
        when 'integer' then cast(entry.atom as text) when 'real' then cast(entry.atom as text) end)`;
  }
  return unlessNul(
    'metadata',
    sql`(json_typeof(metadata::json -> ${key}::text) in ('string', 'number', 'boolean')
      and metadata::json ->> ${key}::text = ${value})`,
  );
}

/** Postgres refuses to read a JSON text that contains NUL, so such a text meets no condition. */
const unlessNul = (column: string, condition: Condition) =>
  sql`case when position('\\u0000' in ${sql.ref(column)}) > 0 then false else ${condition} end`;
