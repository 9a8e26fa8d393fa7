import type { Generated } from 'kysely';
import type { MessageStatus } from '../domain/entities.ts';
import type { LoggedEventType } from '../domain/events.ts';
import type { JsonText } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';

/**
 * A row of conversation_events. `number` counts within the conversation, `chatbot_number` within the chatbot,
 * `shard_number` within the shard of the account's log. An event is about a message (`status` is the status of the
 * message at that time), about a lead, or about the conversation.
 */
export interface ConversationEventRow {
  conversation_id: string;
  number: number;
  chatbot_id: string;
  chatbot_number: number;
  account_id: string;
  type: LoggedEventType;
  message_id: string | null;
  lead_id: string | null;
  status: MessageStatus | null;
  at: Timestamp;
  /** Null for events that an earlier version wrote. */
  id: string | null;
  /** The activity of a ConversationChanged event; null for other events, and for events that an earlier version wrote. */
  activity_id: string | null;
  /** 1 if the event is a MessageDeleted event of a private note. */
  is_private: 0 | 1;
  /** Null for events that an earlier version wrote during an update. */
  shard: string | null;
  /** Null like `shard`. */
  shard_number: number | null;
}

/** A row of conversation_activities: `changes` is a JSON array. */
export interface ConversationActivityRow {
  id: string;
  account_id: string;
  conversation_id: string;
  changes: JsonText;
  actor: string | null;
  at: Timestamp;
}

/** A row of account_logs: one shard of an account's log. A shard without a row has no events. */
export interface AccountLogRow {
  account_id: string;
  shard: string;
  /** The number and the id of the last event, which may be removed since. */
  last_event: number;
  last_event_id: string | null;
  /** The highest number that retention has deleted; 0: none. */
  last_trimmed: Generated<number>;
}

/** A row of chatbot_deletions: the deletion of a chatbot, as an event of the account's log. */
export interface ChatbotDeletionRow {
  account_id: string;
  shard: string;
  shard_number: number;
  id: string;
  chatbot_id: string;
  at: Timestamp;
}
