/**
 * The rows of every table, for Kysely. Columns are portable between SQLite and Postgres: text UUIDs, ISO text times,
 * JSON text, 0/1 flags.
 */
import type { Kysely } from 'kysely';
import type {
  Channel,
  ConversationStatus,
  FinishReason,
  MessageRole,
  MessageStatus,
  Rating,
  SourceStatus,
  SourceType,
} from '../domain/entities.ts';
import type { JsonText } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';

/** A boolean as it is stored. */
export type Flag = 0 | 1;

export interface AccountRow {
  id: string;
  name: string;
  created_at: Timestamp;
}

export interface ApiKeyRow {
  id: string;
  account_id: string;
  name: string;
  prefix: string;
  hash: string;
  scopes: JsonText;
  created_at: Timestamp;
  last_used_at: Timestamp | null;
  revoked_at: Timestamp | null;
}

export interface ChatbotRow {
  id: string;
  account_id: string;
  name: string;
  slug: string;
  provider: string;
  model: string | null;
  instructions: string;
  fallback_message: string;
  handover_message: string;
  is_active: Flag;
  metadata: JsonText;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface SourceRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  type: SourceType;
  title: string;
  url: string | null;
  status: SourceStatus;
  error: string | null;
  page_count: number;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface PassageRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  source_id: string;
  position: number;
  heading_path: JsonText;
  text: string;
}

export interface ConversationRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  session_id: string;
  channel: Channel;
  status: ConversationStatus;
  metadata: JsonText;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export interface MessageRow {
  id: string;
  account_id: string;
  conversation_id: string;
  role: MessageRole;
  status: MessageStatus;
  content: string;
  citations: JsonText;
  finish_reason: FinishReason | null;
  input_tokens: number | null;
  output_tokens: number | null;
  rating: Rating | null;
  parent_id: string | null;
  metadata: JsonText;
  error: JsonText | null;
  created_at: Timestamp;
  completed_at: Timestamp | null;
}

export interface UsageRow {
  account_id: string;
  month: string;
  messages: number;
  input_tokens: number;
  output_tokens: number;
}

export interface Tables {
  accounts: AccountRow;
  api_keys: ApiKeyRow;
  chatbots: ChatbotRow;
  sources: SourceRow;
  passages: PassageRow;
  conversations: ConversationRow;
  messages: MessageRow;
  usage: UsageRow;
}

/** What every store function reads from or writes to: the read handle, or the transaction that the caller is in. */
export type Queryable = Kysely<Tables>;
