import { sql } from 'kysely';
import type { ConversationFilter, ConversationOrder } from '../../domain/conversation-list.ts';
import type { Answerer } from '../../domain/entities.ts';
import type { Timestamp } from '../../domain/time.ts';
import { CHATBOT_NOT_DELETED } from '../deleted-chatbots.ts';
import { hasEntry, isIn, listTimeConditions, matchesFlag, type OnEngine, readJson } from '../lists/conditions.ts';
import { type IndexRange, MAX_RANGES } from '../lists/filtered-list.ts';
import type { Condition } from '../lists/keyset.ts';
import { showsText } from './text-search.ts';

/** A list of conversations: the account's that meet a filter, at a moment. */
export interface ConversationList extends OnEngine {
  readonly accountId: string;
  readonly filter: ConversationFilter;
  readonly order: ConversationOrder;
  readonly now: Timestamp;
  /** The only conversations that may meet the filter; absent: all. */
  readonly candidateIds?: readonly string[] | undefined;
}

/**
 * Chooses the ranges that are read, and what is left to check: the index that contains the fewest other conversations.
 * Merged by the order, the ranges contain each conversation of the list once.
 */
export function chooseRanges(list: ConversationList): IndexRange[] {
  const { accountId, filter, order } = list;
  if (selectsNone(filter)) return [];
  const checks = new Map(Object.entries(listConditions(list)));
  const ofAccount = sql`account_id = ${accountId}`;
  const choose = (wheres: readonly Condition[], ...covered: (keyof ConversationFilter)[]): IndexRange[] => {
    for (const name of covered) checks.delete(name);
    // The index that orders by the last message contains this range in one piece.
    const times = order.field === 'LAST_MESSAGE_AT' ? ['since', 'until'].flatMap((name) => checks.get(name) ?? []) : [];
    const suffix = times.map((time) => sql` and ${time}`);
    return wheres.map((where) => ({
      where: sql`${where}${sql.join(suffix, sql``)}`,
      checks: [...checks.values()],
    }));
  };
  const hinted = (index: string, ranges: IndexRange[]): IndexRange[] =>
    list.isPostgres ? ranges : ranges.map((range) => ({ ...range, hint: sql`indexed by ${sql.ref(index)}` }));
  const { chatbotIds, statuses } = filter;
  const isWaiting = sql`waiting_since is not null`;
  if (order.field === 'WAITING_SINCE') checks.set('waits', sql`(status = 'ESCALATED' or silent_until > ${list.now})`);
  if (list.candidateIds !== undefined) {
    const isCandidate = isAnyOf(list, list.candidateIds);
    return choose([order.field === 'WAITING_SINCE' ? sql`${isCandidate} and ${isWaiting}` : isCandidate]);
  }
  if (order.field === 'WAITING_SINCE') {
    if (filter.assignee !== undefined) {
      const where = sql`${ofAccount} and assignee = ${filter.assignee} and ${isWaiting}`;
      return hinted('conversations_waiting_assigned', choose([where], 'assignee'));
    }
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
    if (filter.visitorId !== undefined) return choose([sql`visitor_id = ${filter.visitorId}`], 'visitorId');
    if (filter.assignee !== undefined) return choose([sql`${ofAccount} and assignee = ${filter.assignee}`], 'assignee');
    if (filter.assignedMemberId !== undefined) {
      const where = sql`${ofAccount} and assigned_member_id = ${filter.assignedMemberId}`;
      return hinted('conversations_by_member', choose([where], 'assignedMemberId'));
    }
    if (filter.hasUnread === true) {
      return hinted('conversations_unread', choose([sql`${ofAccount} and unread_since is not null`], 'hasUnread'));
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

/** Returns whether a filter has an empty list of values, which no conversation meets. */
function selectsNone({ chatbotIds, statuses, channels, labels }: ConversationFilter): boolean {
  return [chatbotIds, statuses, channels, labels].some((values) => values?.length === 0);
}

/** The conditions of a list by the filter's fields. */
function listConditions(list: ConversationList): { [field: string]: Condition } {
  const { accountId, filter, now } = list;
  const { chatbotIds, statuses, channels, metadata = [] } = filter;
  const conditions: { [field: string]: Condition | undefined } = {
    account: sql`account_id = ${accountId}`,
    deleted: CHATBOT_NOT_DELETED,
    chatbotIds: chatbotIds && isIn('chatbot_id', chatbotIds),
    statuses: statuses && isIn('status', statuses),
    answeredBy: filter.answeredBy && answeredByCondition(filter.answeredBy, now),
    assignee: filter.assignee === undefined ? undefined : sql`assignee = ${filter.assignee}`,
    assignedMemberId:
      filter.assignedMemberId === undefined ? undefined : sql`assigned_member_id = ${filter.assignedMemberId}`,
    isUnassigned: matchesFlag(filter.isUnassigned, sql`assignee is null`, sql`assignee is not null`),
    // Unlike `unread_count`, this is in the index of the unread.
    hasUnread: matchesFlag(filter.hasUnread, sql`unread_since is not null`, sql`unread_since is null`),
    channels: channels && isIn('channel', channels),
    visitorId: filter.visitorId === undefined ? undefined : sql`visitor_id = ${filter.visitorId}`,
    sessionId: filter.sessionId === undefined ? undefined : sql`session_id = ${filter.sessionId}`,
    hasLead: matchesFlag(filter.hasLead, HAS_LEAD, sql`not ${HAS_LEAD}`),
    rating: filter.rating && hasRating(filter.rating),
    labels: filter.labels && hasLabel(list, filter.labels),
    priority: filter.priority && sql`priority = ${filter.priority}`,
    ...listTimeConditions('last_message_at', filter.lastMessageAt),
  };
  for (const [index, entry] of metadata.entries()) conditions[`metadata ${index}`] = hasEntry(list, 'metadata', entry);
  // The most expensive check comes last.
  conditions.text = filter.text && showsText(list, filter.text);
  return Object.fromEntries(Object.entries(conditions).filter((entry): entry is [string, Condition] => !!entry[1]));
}

/** One parameter, however many ids there are. Postgres takes the array for a few ids, so it uses the primary key. */
function isAnyOf({ isPostgres }: ConversationList, ids: readonly string[]): Condition {
  return isPostgres ? sql`id = any(${ids}::text[])` : sql`id in (select value from json_each(${JSON.stringify(ids)}))`;
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
  const items = isPostgres ? sql`json_array_elements_text(${readJson('labels')})` : sql`json_each(labels)`;
  const label = isPostgres ? sql`as label(value)` : sql`as label`;
  return sql`exists (select 1 from ${items} ${label} where label.value in (${sql.join(labels)}))`;
}
