/**
 * The row types of all tables, for Kysely. Columns are portable between SQLite and Postgres: UUIDs, ISO times and JSON
 * as text, and booleans as 0 or 1.
 */
import type { Generated, Kysely } from 'kysely';
import type {
  FinishReason,
  MessageRole,
  MessageStatus,
  Rating,
  ReplyOutcome,
  SourceStatus,
  SourceType,
} from '../domain/entities.ts';
import type { JsonText } from '../domain/json.ts';
import type { Timestamp } from '../domain/time.ts';
import type { NodeRow, TaskClaimRow } from './cluster/rows.ts';
import type { AccountLogRow, ChatbotDeletionRow, ConversationActivityRow, ConversationEventRow } from './event-rows.ts';
import type { ConversationRow, InboxCountRow } from './inbox/conversation-row.ts';
import type { MessageWordsRow, TaskProgressRow } from './inbox/message-index-rows.ts';
import type { MemberRow } from './members/rows.ts';
import type { OperationManifestRow, OperationRow } from './operations/rows.ts';
import type { SearchCorpusRow, SearchEntryRow, SearchPostingsRow } from './search/search-rows.ts';
import type { PassageVectorRow } from './search/vector-rows.ts';
import type { BudgetUsageRow, QuotaWarningRow, UsageDayRow, UsageQuarterHourRow, UsageRow } from './usage-rows.ts';
import type {
  AddressBlockRow,
  IdentitySecretRow,
  SessionTokenRow,
  VisitorJoinRow,
  VisitorRow,
} from './visitors/rows.ts';
import type {
  WebhookAttemptRow,
  WebhookDeliveryRow,
  WebhookEventRow,
  WebhookSubscriptionRow,
} from './webhooks/rows.ts';

/** A stored boolean. */
export type Flag = 0 | 1;

/** A row of accounts. */
export interface AccountRow {
  id: string;
  name: string;
  created_at: Timestamp;
}

/** A row of api_keys. `hash` is the SHA-256 of the key; the key itself is not stored. */
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
  persisted_only: Generated<Flag>;
  expires_at: Timestamp | null;
  /** A list of ids; null: all chatbots. */
  chatbot_ids: JsonText | null;
  /** The limits that the owner has set; null: none. */
  limits: JsonText | null;
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
  is_public: Generated<Flag>;
  /** JSON. */
  allowed_origins: Generated<JsonText>;
  requires_identity: Generated<Flag>;
  jwks_url: string | null;
  metadata: JsonText;
  created_at: Timestamp;
  updated_at: Timestamp;
  /** The limits of its sessions that the owner has set; null: none. */
  limits: JsonText | null;
  /** The number of the chatbot's last event; only events change it. */
  last_event: Generated<number>;
  persisted_only: Generated<Flag>;
  /** The name of a manifest; null for the built-in one. */
  session_operations: Generated<string | null>;
  /** When the chatbot was deleted. Queries no longer return it; a background task removes its rows. */
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
  /** The version of the rules by which its passages are indexed; 0: they are not in the index. */
  index_version: Generated<number>;
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
  /** Whether the gateway estimated the tokens. */
  is_estimated: Flag | null;
  /** The provider that generated a finished reply. */
  provider: string | null;
  model: string | null;
  first_token_ms: number | null;
  /** In billionths of a US dollar. */
  price_nano: number | null;
  /** The models that were asked; null when unknown. */
  model_attempts: JsonText | null;
  /** Null for a message that is not a completed reply. */
  outcome: ReplyOutcome | null;
  /** How likely the sources are to be relevant, 0 to 1. */
  confidence: number | null;
  reasoning: string | null;
  follow_ups: JsonText | null;
  /** The API key whose request the reply answers. */
  api_key_id: string | null;
  /** A list of ids: the owners of the budgets that a reply counts against. */
  budget_ids: JsonText | null;
  rating: Rating | null;
  /** Null for a message that is not rated. */
  rating_comment: string | null;
  parent_id: string | null;
  /** When the text, the rating or the follow-ups last changed; null if they have not changed. */
  updated_at: Timestamp | null;
  /** The earlier version that the message replaced on the branch that its conversation showed. */
  replaces_id: string | null;
  /** Whether the message is on the branch that its conversation shows. */
  is_shown: Flag;
  is_private: Flag;
  /** The node that generates the reply, or generated it. */
  node_id: string | null;
  /** Whether a client has asked that node to stop the reply. */
  stop_asked: Generated<Flag>;
  /**
   * How many times gateways have started the reply. For a STREAMING reply whose process is gone, this is the number of
   * processes that crashed while they generated it.
   */
  attempts: Generated<number>;
  author_name: string | null;
  /** The member who wrote an AGENT message. */
  author_id: string | null;
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

/** A row of gateway_secrets: 32 bytes as base64, created by one of the gateways that share the database. */
export interface GatewaySecretRow {
  purpose: string;
  secret: string;
}

/** A row of idempotency_keys: `message_id` is the message that was written under the key. */
export interface IdempotencyKeyRow {
  account_id: string;
  chatbot_id: string;
  operation: string;
  key: string;
  fingerprint: string;
  message_id: string;
  created_at: Timestamp;
}

/** A row of provider_keys: an account's own key for a model provider. */
export interface ProviderKeyRow {
  account_id: string;
  provider: string;
  /** Sealed; null when the account's own server needs no key. */
  sealed_key: string | null;
  /** The last four characters of the key. */
  key_ending: string | null;
  base_url: string | null;
  updated_at: Timestamp;
}

/** A row of provider_models: the last outcomes of a model that an account has used. */
export interface ProviderModelRow {
  account_id: string;
  provider: string;
  model: string;
  worked_at: Timestamp | null;
  failed_at: Timestamp | null;
  /** Why the last call failed; null if it succeeded. */
  failure: string | null;
}

/** All tables by their names. */
export interface Tables {
  accounts: AccountRow;
  api_keys: ApiKeyRow;
  members: MemberRow;
  chatbots: ChatbotRow;
  sources: SourceRow;
  passages: PassageRow;
  search_corpora: SearchCorpusRow;
  search_entries: SearchEntryRow;
  search_postings: SearchPostingsRow;
  passage_vectors: PassageVectorRow;
  task_claims: TaskClaimRow;
  visitors: VisitorRow;
  visitor_joins: VisitorJoinRow;
  address_blocks: AddressBlockRow;
  session_tokens: SessionTokenRow;
  identity_secrets: IdentitySecretRow;
  conversations: ConversationRow;
  inbox_counts: InboxCountRow;
  messages: MessageRow;
  message_words: MessageWordsRow;
  task_progress: TaskProgressRow;
  leads: LeadRow;
  conversation_events: ConversationEventRow;
  conversation_activities: ConversationActivityRow;
  account_logs: AccountLogRow;
  chatbot_deletions: ChatbotDeletionRow;
  gateway_secrets: GatewaySecretRow;
  idempotency_keys: IdempotencyKeyRow;
  usage: UsageRow;
  budget_usage: BudgetUsageRow;
  usage_days: UsageDayRow;
  usage_quarter_hours: UsageQuarterHourRow;
  quota_warnings: QuotaWarningRow;
  provider_keys: ProviderKeyRow;
  provider_models: ProviderModelRow;
  operation_manifests: OperationManifestRow;
  operations: OperationRow;
  webhook_subscriptions: WebhookSubscriptionRow;
  webhook_events: WebhookEventRow;
  webhook_deliveries: WebhookDeliveryRow;
  webhook_attempts: WebhookAttemptRow;
  nodes: NodeRow;
}

/** The database handle of a store function: `Database.read`, or the caller's transaction. */
export type Queryable = Kysely<Tables>;
