/**
 * The rows of every table, for Kysely. Columns are portable between SQLite and Postgres: text UUIDs, ISO text times,
 * JSON text, 0/1 flags.
 */
import type { Generated, Kysely } from 'kysely';
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
import type { LoggedEventType } from '../domain/events.ts';
import type { JsonText } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type {
  WebhookAttemptRow,
  WebhookDeliveryRow,
  WebhookEventRow,
  WebhookSubscriptionRow,
} from './webhooks/rows.ts';

/** A boolean as it is stored. */
export type Flag = 0 | 1;

/** A row of accounts. */
export interface AccountRow {
  id: string;
  name: string;
  created_at: Timestamp;
}

/** A row of api_keys: only the SHA-256 of a key. */
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

/** A row of chatbots. */
export interface ChatbotRow {
  id: string;
  account_id: string;
  name: string;
  slug: string;
  provider: string;
  model: string | null;
  instructions: string;
  fallback_message: string;
  handoff_message: string;
  /** JSON. */
  lead_form: JsonText;
  /** JSON. */
  answering: JsonText;
  is_active: Flag;
  metadata: JsonText;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** The number of its last event; only events change it. */
  last_event: Generated<number>;
  /** From when on nobody finds it; its row is the last that is removed. */
  deleted_at: Generated<Timestamp | null>;
}

/** A row of sources. */
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

/** A row of passages. */
export interface PassageRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  source_id: string;
  position: number;
  heading_path: JsonText;
  text: string;
}

/** A row of conversations. */
export interface ConversationRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  session_id: string;
  channel: Channel;
  status: ConversationStatus;
  silent_until: Timestamp | null;
  assignee: string | null;
  escalated_at: Timestamp | null;
  escalation_reason: string | null;
  unread_count: number;
  metadata: JsonText;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** The number of its last event; only events change it. */
  last_event: Generated<number>;
}

/** A row of messages: `citations`, `follow_ups`, `metadata` and `error` are JSON. */
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
  cached_tokens: number | null;
  reasoning_tokens: number | null;
  /** Whether the tokens were counted here. */
  is_estimated: Flag | null;
  /** Who wrote a reply that has ended. */
  provider: string | null;
  model: string | null;
  first_token_ms: number | null;
  /** In billionths of a US dollar. */
  price_nano: number | null;
  reasoning: string | null;
  follow_ups: JsonText | null;
  /** The key that asked for a reply. */
  api_key_id: string | null;
  rating: Rating | null;
  parent_id: string | null;
  /** Whether it stands on the branch that its conversation shows. */
  is_shown: Flag;
  is_private: Flag;
  /** The node that writes it, or wrote it. */
  node_id: string | null;
  /** Whether that node was asked to stop. */
  stop_asked: Generated<Flag>;
  /** How often it was begun: a reply in STREAMING whose process is gone was under way at so many unclean ends. */
  attempts: Generated<number>;
  author_name: string | null;
  metadata: JsonText;
  error: JsonText | null;
  created_at: Timestamp;
  completed_at: Timestamp | null;
}

/** A row of leads. */
export interface LeadRow {
  id: string;
  account_id: string;
  chatbot_id: string;
  conversation_id: string;
  name: string | null;
  email: string | null;
  phone: string | null;
  custom_data: JsonText;
  created_at: Timestamp;
}

/**
 * A row of conversation_events. `number` counts within the conversation, `chatbot_number` within the chatbot. It tells of
 * a message (`status` is the message's at the event), of a lead, or else of the conversation itself.
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
  /** Null of events that an earlier version has written. */
  id: string | null;
}

/** A row of gateway_secrets: 32 bytes as base64, which the gateways that share the database have made. */
export interface GatewaySecretRow {
  purpose: string;
  secret: string;
}

/** A row of idempotency_keys: `message_id` is what was written under the key. */
export interface IdempotencyKeyRow {
  account_id: string;
  chatbot_id: string;
  operation: string;
  key: string;
  fingerprint: string;
  message_id: string;
  created_at: Timestamp;
}

/** A row of usage, by account and UTC month: the replies that count against the quota. */
export interface UsageRow {
  account_id: string;
  month: string;
  messages: number;
}

/**
 * A row of usage_days: what replies that have ended took, by UTC day. It outlives the chatbot and the key, which are `''`
 * where they are not known.
 */
export interface UsageDayRow {
  account_id: string;
  day: string;
  chatbot_id: string;
  api_key_id: string;
  messages: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  /** In billionths of a US dollar, of the replies whose price is known. */
  price_nano: number;
  /** Those whose price is not. */
  unpriced_messages: number;
}

/** A row of quota_warnings: once for each month and share of its quota. `number` counts within the account. */
export interface QuotaWarningRow {
  account_id: string;
  number: number;
  month: string;
  percent: number;
  used: number;
  message_limit: number;
  at: Timestamp;
}

/** A row of provider_keys: an account's own access to a family of models. */
export interface ProviderKeyRow {
  account_id: string;
  provider: string;
  /** Sealed; null where a server of the account's own asks for none. */
  sealed_key: string | null;
  /** The last four characters of the key. */
  key_ending: string | null;
  base_url: string | null;
  updated_at: Timestamp;
}

/** A row of provider_models: what was seen of a model that an account has used. */
export interface ProviderModelRow {
  account_id: string;
  provider: string;
  model: string;
  worked_at: Timestamp | null;
  failed_at: Timestamp | null;
  /** Why, when it last failed. */
  failure: string | null;
}

/** A row of nodes: the processes that write answers. */
export interface NodeRow {
  id: string;
  /** How often it has said that it lives. */
  beat: number;
}

/** All tables by their names. */
export interface Tables {
  accounts: AccountRow;
  api_keys: ApiKeyRow;
  chatbots: ChatbotRow;
  sources: SourceRow;
  passages: PassageRow;
  conversations: ConversationRow;
  messages: MessageRow;
  leads: LeadRow;
  conversation_events: ConversationEventRow;
  gateway_secrets: GatewaySecretRow;
  idempotency_keys: IdempotencyKeyRow;
  usage: UsageRow;
  usage_days: UsageDayRow;
  quota_warnings: QuotaWarningRow;
  provider_keys: ProviderKeyRow;
  provider_models: ProviderModelRow;
  webhook_subscriptions: WebhookSubscriptionRow;
  webhook_events: WebhookEventRow;
  webhook_deliveries: WebhookDeliveryRow;
  webhook_attempts: WebhookAttemptRow;
  nodes: NodeRow;
}

/** What every store function reads from or writes to: the read handle, or the transaction that the caller is in. */
export type Queryable = Kysely<Tables>;
