import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { getLockedConversation, reopen } from '../conversations/handoff.ts';
import { listChanges, recordChanges } from '../conversations/record-changes.ts';
import { type NewMessage, writeMessage } from '../conversations/write-message.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { clientIdText, metadataObject, parseInput, singleLine, text } from '../domain/input.ts';
import type { Member } from '../domain/sign-in/member.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { requestStop, type StopDeps, stopReplies } from '../replies/stop-reply.ts';
import { findShownBranchEnd } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import { findMessage } from '../store/messages.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { findRecordedSend, type IdempotentSend, readEffectsToRepeat, recordSend } from './idempotent-send.ts';

/** The message of a person who answers instead of the chatbot, and its conversation. */
export interface SendAgentMessageInput {
  readonly conversationId: string;
  readonly content: string;
  /** The person's name, which the visitor sees; by default that of the member who sends the message. */
  readonly authorName?: string | null | undefined;
  /** Whether the message is a note that the visitor does not see. */
  readonly isPrivate?: boolean | null | undefined;
  readonly metadata?: unknown;
  /** The idempotency key: a repeated request returns the message of the first request. */
  readonly clientMessageId?: string | null | undefined;
}

/** The stored message. */
export interface SentAgentMessage {
  readonly agentMessage: Message;
  readonly conversation: Conversation;
  /** Whether an earlier request with the same idempotency key has stored the message. */
  readonly isReplay: boolean;
}

type AgentDeps = StopDeps & Pick<Deps, 'config' | 'typing'>;

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    authorName: singleLine(1, 255).optional(),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
  });

type ParsedInput = z.output<ReturnType<typeof rulesFor>>;

/**
 * Stores a person's message to the visitor, and stops the open replies of the conversation. The chatbot does not answer
 * until `HANDOFF_HOURS` after the person's last message. A private note does not stop replies or silence the chatbot;
 * only viewers with `MANAGE` see it.
 * @throws InvalidInputError, NotFoundError, IdempotencyConflictError; in these cases nothing is stored.
 */
export async function sendAgentMessage(
  deps: AgentDeps,
  viewer: Viewer,
  input: SendAgentMessageInput,
): Promise<SentAgentMessage> {
  const parsed = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  const isPrivate = input.isPrivate === true;
  const { accountId } = viewer;
  const now = deps.clock.now();
  const { repliesToStop, events, ...sent } = await deps.db.transaction(async (trx): Promise<CommittedMessage> => {
    const conversation = await getLockedConversation(trx, accountId, input.conversationId);
    const idempotentSend = idempotentSendOf(conversation, parsed, isPrivate, now);
    const recordedId = idempotentSend && (await findRecordedSend(trx, accountId, idempotentSend));
    if (recordedId !== undefined) {
      const agentMessage = requireFound('Message', await findMessage(trx, accountId, recordedId));
      return { agentMessage, conversation, isReplay: true, ...(await readEffectsToRepeat(trx, conversation)) };
    }
    const fields = agentFieldsOf(parsed, viewer.member);
    const result = isPrivate
      ? await writeNote(trx, conversation, fields, now)
      : await takeOver(trx, conversation, fields, {
          now,
          silentUntil: toTimestamp(now + deps.config.handoffMs),
          actor: parsed.authorName ?? viewer.actorName,
        });
    if (idempotentSend !== undefined) await recordSend(trx, accountId, idempotentSend, result.agentMessage.id);
    return result;
  });
  if (!isPrivate) deps.typing.set(sent.conversation, 'AGENT', false);
  publishEvents(deps.bus, events);
  await stopReplies(deps, repliesToStop);
  return sent;
}

/** A committed message, and the input for the steps after the commit: the events to publish, the replies to stop. */
interface CommittedMessage extends SentAgentMessage {
  readonly events: readonly Pick<LoggedEvent, 'accountId' | 'chatbotId' | 'conversationId'>[];
  readonly repliesToStop: readonly Message[];
}

type AgentFields = Omit<NewMessage, 'parentId'>;

function agentFieldsOf({ content, authorName, metadata }: ParsedInput, author: Member | undefined): AgentFields {
  return {
    role: 'AGENT',
    status: 'COMPLETED',
    content,
    authorName: authorName ?? author?.name ?? null,
    authorId: author?.id ?? null,
    metadata,
  };
}

async function writeNote(
  trx: Queryable,
  conversation: Conversation,
  agentFields: AgentFields,
  now: number,
): Promise<CommittedMessage> {
  const at = toTimestamp(now);
  const fields = { ...agentFields, parentId: null, isPrivate: true };
  const { message, event } = await writeMessage(trx, conversation, at, fields);
  return {
    agentMessage: message,
    conversation: { ...conversation, updatedAt: at },
    isReplay: false,
    events: [event],
    repliesToStop: [],
  };
}

async function takeOver(
  trx: Queryable,
  conversation: Conversation,
  agentFields: AgentFields,
  { now, silentUntil, actor }: { now: number; silentUntil: Timestamp; actor: string | null },
): Promise<CommittedMessage> {
  const { id, accountId } = conversation;
  const at = toTimestamp(now);
  const stopRequest = await requestStop(trx, await listOpenReplies(trx, accountId, id), at);
  const parentId = (await findShownBranchEnd(trx, accountId, id)) ?? null;
  const { message, event } = await writeMessage(trx, conversation, at, { ...agentFields, parentId });
  const takenOver: Conversation = { ...reopen(conversation), silentUntil };
  const changed: Conversation = {
    ...takenOver,
    unreadCount: 0,
    unreadSince: null,
    readUntil: message.id,
    visitorUnreadCount: conversation.visitorUnreadCount + 1,
    lastMessageAt: at,
    firstAgentReplyAt: conversation.firstAgentReplyAt ?? at,
    updatedAt: at,
  };
  await updateConversation(trx, changed);
  const events = [...stopRequest.events, event];
  // Answering visitors is not reading for its own sake: an answer alone is no change.
  const changes = listChanges(conversation, takenOver, at);
  if (changes.length > 0) events.push(await recordChanges(trx, changed, { changes, actor, at }));
  return {
    agentMessage: message,
    conversation: changed,
    isReplay: false,
    events,
    repliesToStop: stopRequest.repliesToStop,
  };
}

function idempotentSendOf(
  { id: conversationId, chatbotId }: Conversation,
  { clientMessageId: key, content, authorName, metadata }: ParsedInput,
  isPrivate: boolean,
  now: number,
): IdempotentSend | undefined {
  if (key === undefined) return undefined;
  const request = { conversationId, content, authorName, isPrivate, metadata: metadata && JSON.parse(metadata) };
  return { scope: { chatbotId, operation: 'sendAgentMessage', key }, request, now };
}
