import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { answererOf, getLockedConversation } from '../conversations/handoff.ts';
import { writeMessage } from '../conversations/write-message.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { clientIdText, line, metadataObject, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { requestStop, type StopDeps, stopReplies } from '../replies/stop-reply.ts';
import { findTip } from '../store/branches.ts';
import { updateConversation } from '../store/conversations.ts';
import { appendEvent, type LoggedEvent } from '../store/events.ts';
import { findMessage } from '../store/messages.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { findRecordedSend, type IdempotentSend, recordSend, repeatEffects } from './idempotent-send.ts';

/** What a person says, and where. */
export interface SendAgentMessageInput {
  readonly conversationId: string;
  readonly content: string;
  /** What the visitor may call that person. */
  readonly authorName?: string | null | undefined;
  /** A note that the visitor does not see. */
  readonly isPrivate?: boolean | null | undefined;
  readonly metadata?: unknown;
  /** The same id sends once. */
  readonly clientMessageId?: string | null | undefined;
}

type AgentDeps = StopDeps & Pick<Deps, 'config' | 'typing'>;

const rulesFor = (maxChars: number) =>
  z.object({
    content: text(1, maxChars),
    authorName: line(1, 255).optional(),
    metadata: metadataObject.optional(),
    clientMessageId: clientIdText.optional(),
  });

type Given = z.output<ReturnType<typeof rulesFor>>;

/**
 * Stores what a person says to the visitor. From then on the chatbot is silent for a while (`HANDOFF_HOURS`), which
 * begins anew with each such message: the reply under way is stopped and those that wait are never begun. A private
 * note does nothing but stand there for those who manage.
 * @throws InvalidInputError, NotFoundError, IdempotencyConflictError; nothing is stored.
 */
export async function sendAgentMessage(
  deps: AgentDeps,
  viewer: Viewer,
  input: SendAgentMessageInput,
): Promise<{ agentMessage: Message; conversation: Conversation }> {
  const given = parseInput(rulesFor(deps.config.maxMessageChars), { ...input });
  const isPrivate = input.isPrivate === true;
  const { accountId } = viewer;
  const now = deps.clock.now();
  const { stopping, events, ...sent } = await deps.db.transaction(async (trx): Promise<Sent> => {
    const conversation = await getLockedConversation(trx, accountId, input.conversationId);
    const once = onceOf(conversation, given, isPrivate, now);
    const earlier = once && (await findRecordedSend(trx, accountId, once));
    if (earlier !== undefined) {
      const agentMessage = requireFound('Message', await findMessage(trx, accountId, earlier));
      return { agentMessage, conversation, ...(await repeatEffects(trx, conversation)) };
    }
    const written = await (isPrivate ? writeNote : takeOver)(trx, deps, conversation, given, now);
    if (once !== undefined) await recordSend(trx, accountId, once, written.agentMessage.id);
    return written;
  });
  if (!isPrivate) deps.typing.set(sent.conversation.id, 'AGENT', false);
  publishEvents(deps.bus, events);
  await stopReplies(deps, stopping);
  return sent;
}

/** What a message did. `stopping` are the replies that are being written. */
interface Sent {
  readonly agentMessage: Message;
  readonly conversation: Conversation;
  readonly events: readonly Pick<LoggedEvent, 'conversationId' | 'chatbotId'>[];
  readonly stopping: readonly Message[];
}

const saidBy = ({ content, authorName, metadata }: Given) =>
  ({ role: 'AGENT', status: 'COMPLETED', content, authorName: authorName ?? null, metadata }) as const;

async function writeNote(
  trx: Queryable,
  _deps: AgentDeps,
  conversation: Conversation,
  given: Given,
  now: number,
): Promise<Sent> {
  const said = { ...saidBy(given), parentId: null, isPrivate: true };
  const { message, event } = await writeMessage(trx, conversation, toTimestamp(now), said);
  return { agentMessage: message, conversation, events: [event], stopping: [] };
}

async function takeOver(
  trx: Queryable,
  { config }: AgentDeps,
  conversation: Conversation,
  given: Given,
  now: number,
): Promise<Sent> {
  const { id, accountId, status } = conversation;
  const at = toTimestamp(now);
  const stopped = await requestStop(trx, await listOpenReplies(trx, accountId, id), at);
  const changed: Conversation = {
    ...conversation,
    status: status === 'CLOSED' ? 'OPEN' : status,
    silentUntil: toTimestamp(now + config.handoffMs),
    unreadCount: 0,
    updatedAt: at,
  };
  await updateConversation(trx, changed);
  const parentId = (await findTip(trx, accountId, id)) ?? null;
  const { message, event } = await writeMessage(trx, changed, at, { ...saidBy(given), parentId });
  const events = [...stopped.events, event];
  if (answererOf(conversation, now) === 'AI' || status === 'CLOSED') {
    events.push(await appendEvent(trx, accountId, { conversationId: id, type: 'HandoffChanged', at }));
  }
  return { agentMessage: message, conversation: changed, events, stopping: stopped.stopping };
}

function onceOf(
  { id: conversationId, chatbotId }: Conversation,
  { clientMessageId: key, content, authorName, metadata }: Given,
  isPrivate: boolean,
  now: number,
): IdempotentSend | undefined {
  if (key === undefined) return undefined;
  const asked = { conversationId, content, authorName, isPrivate, metadata: metadata && JSON.parse(metadata) };
  return { scope: { chatbotId, operation: 'sendAgentMessage', key }, asked, now };
}
