import { sql } from 'kysely';
import { issueApiKey } from '../src/access/api-keys.ts';
import { DEFAULT_ANSWERING } from '../src/chatbots/answering.ts';
import { DEFAULT_LEAD_FORM } from '../src/chatbots/lead-form.ts';
import { type Citation, SCOPES } from '../src/domain/entities.ts';
import { createId } from '../src/domain/ids.ts';
import { toJson } from '../src/domain/json.ts';
import { type Timestamp, toTimestamp } from '../src/domain/time.ts';
import { insertAccount } from '../src/store/accounts.ts';
import { insertChatbot } from '../src/store/chatbots.ts';
import { insertConversation } from '../src/store/conversations.ts';
import { openDatabase } from '../src/store/database.ts';
import { insertMessage } from '../src/store/messages.ts';
import { insertSource } from '../src/store/sources.ts';
import type { Queryable } from '../src/store/tables.ts';

/** The account of the benchmarks, with its API key. */
export interface BenchAccount {
  readonly accountId: string;
  readonly key: string;
  /** The ids of its chatbots, in the order of creation. */
  readonly chatbotIds: readonly string[];
}

// More of each than a query requests, as in production.
const CHATBOTS = 12;
const SOURCES = 8;
const CONVERSATIONS = 12;
const MESSAGES = 6;

const START = Date.UTC(2026, 2, 15, 10, 30);
const REPLY = 'You can change the address until the parcel has left.';
const USAGE = { inputTokens: 400, cachedTokens: 0, outputTokens: 20, reasoningTokens: 0, isEstimated: true };
const CITATION: Citation = {
  passageId: createId('passage'),
  sourceId: createId('source'),
  title: 'Delivery and returns, part 1',
  url: null,
  quote: REPLY,
  start: 0,
  end: REPLY.length,
};

/**
 * Fills a new SQLite or Postgres database, and closes it. Every filled database has the same data, except for the ids
 * and the API key.
 */
export async function fillDatabase(url: string): Promise<BenchAccount> {
  const db = await openDatabase({ url, role: 'tool' });
  try {
    const account = await db.transaction(async (trx) => {
      const accountId = createId('account');
      const at = toTimestamp(START);
      await insertAccount(trx, { id: accountId, name: 'Benchmark', createdAt: at });
      const { secret } = await issueApiKey(trx, START, accountId, { name: 'Benchmark', scopes: SCOPES });
      const chatbotIds: string[] = [];
      for (let i = 1; i <= CHATBOTS; i++) chatbotIds.push(await fillChatbot(trx, accountId, at, i));
      return { accountId, key: secret, chatbotIds };
    });
    // Without this, Postgres collects statistics only after up to a minute, and plans the first queries without them.
    if (db.isShared) await sql`analyze`.execute(db.read);
    return account;
  } finally {
    await db.close();
  }
}

/** Stores a chatbot without sources and conversations, and returns its id. */
export async function createChatbotRow(
  trx: Queryable,
  accountId: string,
  at: Timestamp,
  number: number,
): Promise<string> {
  const id = createId('chatbot');
  await insertChatbot(trx, {
    id,
    accountId,
    name: `Shop assistant ${number}`,
    slug: `shop-assistant-${number}`,
    provider: 'builtin',
    model: null,
    instructions: 'Answer questions about orders, delivery and returns. Be brief and polite.',
    fallbackMessage: 'I do not know that. Please write to the shop.',
    handoffMessage: 'A person will answer you here.',
    answering: DEFAULT_ANSWERING,
    leadForm: DEFAULT_LEAD_FORM,
    isActive: true,
    ...{ isPublic: false, allowedOrigins: [], identity: { isRequired: false, jwksUrl: null } },
    metadata: toJson({ shop: number }),
    persistedOnly: false,
    sessionOperations: null,
    limits: {},
    createdAt: at,
    updatedAt: at,
  });
  return id;
}

async function fillChatbot(trx: Queryable, accountId: string, at: Timestamp, number: number): Promise<string> {
  const id = await createChatbotRow(trx, accountId, at, number);
  for (let i = 1; i <= SOURCES; i++) {
    await insertSource(trx, {
      id: createId('source'),
      accountId,
      chatbotId: id,
      type: 'TEXT',
      title: `Delivery and returns, part ${i}`,
      url: null,
      status: 'DONE',
      error: null,
      pageCount: 1,
      createdAt: at,
      updatedAt: at,
    });
  }
  for (let i = 1; i <= CONVERSATIONS; i++) await fillConversation(trx, accountId, id, at, i);
  return id;
}

async function fillConversation(
  trx: Queryable,
  accountId: string,
  chatbotId: string,
  at: Timestamp,
  number: number,
): Promise<void> {
  const conversationId = createId('conversation');
  await insertConversation(trx, {
    id: conversationId,
    accountId,
    chatbotId,
    visitorId: null,
    sessionId: `visitor-${number}`,
    channel: 'CHAT_PAGE',
    status: 'OPEN',
    silentUntil: null,
    assignee: null,
    assignedMemberId: null,
    escalatedAt: null,
    escalationReason: null,
    unreadCount: 1,
    unreadSince: at,
    readUntil: '',
    visitorUnreadCount: 0,
    lastMessageAt: at,
    closedAt: null,
    firstAgentReplyAt: null,
    labels: [],
    priority: 'NORMAL',
    snoozedUntil: null,
    metadata: toJson({}),
    createdAt: at,
    updatedAt: at,
  });
  for (let i = 1; i <= MESSAGES; i++) {
    const isReply = i % 2 === 0;
    await insertMessage(trx, {
      id: createId('message'),
      accountId,
      conversationId,
      role: isReply ? 'ASSISTANT' : 'USER',
      status: 'COMPLETED',
      content: isReply ? REPLY : 'Where is my parcel?',
      citations: isReply ? [CITATION] : [],
      finishReason: isReply ? 'STOP' : null,
      usage: isReply ? USAGE : null,
      generation: isReply ? { provider: 'builtin', model: null, firstTokenMs: 12, priceNano: 0, attempts: null } : null,
      outcome: isReply ? 'ANSWERED' : null,
      confidence: isReply ? 0.5 : null,
      reasoning: null,
      followUps: [],
      apiKeyId: null,
      rating: null,
      ratingComment: null,
      isShown: true,
      isPrivate: false,
      authorName: null,
      authorId: null,
      parentId: null,
      replacesId: null,
      metadata: toJson({}),
      error: null,
      createdAt: at,
      completedAt: at,
      updatedAt: at,
    });
  }
}
