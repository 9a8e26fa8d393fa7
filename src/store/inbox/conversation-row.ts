import type { Generated } from 'kysely';
import type { Channel, ConversationPriority, ConversationStatus } from '../../domain/entities.ts';
import type { JsonText } from '../../domain/json.ts';
import type { Timestamp } from '../../domain/time.ts';

/** A row of conversations. */
export interface ConversationRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  /** No foreign key: an anonymous visitor is deleted when it is identified as another one. */
  visitor_id: string | null;
  session_id: string;
  channel: Channel;
  status: ConversationStatus;
  silent_until: Timestamp | null;
  assignee: string | null;
  /** The member to whom the conversation is assigned; `assignee` is then the member's name at that time. */
  assigned_member_id: string | null;
  escalated_at: Timestamp | null;
  escalation_reason: string | null;
  /** The visitor's messages on the selected branch after `read_until`. */
  unread_count: number;
  /** When the oldest of them was written; null without any. */
  unread_since: Timestamp | null;
  /** `unread_since` if a person was expected to answer at the last change; null otherwise. */
  waiting_since: Timestamp | null;
  /** The id of the newest message that is answered or read, as are all before it; empty if none is. */
  read_until: Generated<string>;
  /** The id of the newest message when a person last marked the conversation as read; empty if no person has. */
  marked_read_until: Generated<string>;
  visitor_unread_count: Generated<number>;
  /** The number of the last event when the visitor last marked the conversation as read; 0 if the visitor has not. */
  visitor_read_event: Generated<number>;
  /** Empty in rows that an earlier version wrote; `created_at` stands for it. */
  last_message_at: Generated<Timestamp>;
  closed_at: Timestamp | null;
  first_agent_reply_at: Timestamp | null;
  /** JSON. */
  labels: Generated<JsonText>;
  priority: Generated<ConversationPriority>;
  snoozed_until: Timestamp | null;
  metadata: JsonText;
  created_at: Timestamp;
  /** Every event of the conversation sets it. */
  updated_at: Timestamp;
  /** The number of the conversation's last event; only events change it. */
  last_event: Generated<number>;
}

/** A row of inbox_counts: the conversations of a chatbot that need people. The triggers of migration 0024 change it. */
export interface InboxCountRow {
  chatbot_id: string;
  open: number;
  escalated: number;
  unassigned: number;
  unread: number;
}
