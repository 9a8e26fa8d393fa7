import { collectTexts, describeMessageEvents, endsMessage } from '../helpers/conversations.ts';
import type { readAllRows } from './chaos-cluster.ts';
import type { TrackedConversation } from './random-client.ts';

type StoredRows = Awaited<ReturnType<typeof readAllRows>>;

/** Lists contradictions between the stored rows, the acknowledged actions and the events that readers received. */
export function findContradictions(rows: StoredRows, conversations: readonly TrackedConversation[]): string[] {
  const messagesById = new Map(rows.messages.map((message) => [message.id, message]));
  const eventsByConversation = Map.groupBy(rows.events, ({ conversation_id }) => conversation_id);
  const notDeleted = conversations.filter(({ id }) => rows.conversations.some((row) => row.id === id));
  const storedReplies = rows.messages.filter(({ role, content }) => role === 'ASSISTANT' && content !== '').length;
  const replyCount = storedReplies + rows.deletedReplyCount;
  return [
    ...rows.messages
      .filter(({ status }) => status === 'QUEUED' || status === 'STREAMING')
      .map(({ id, status }) => `${id} is still ${status}.`),
    ...rows.conversations.flatMap(({ id, last_event }) =>
      checkGapless(
        id,
        last_event,
        (eventsByConversation.get(id) ?? []).map(({ number }) => number),
      ),
    ),
    ...rows.chatbots.flatMap(({ id, last_event }) => {
      const chatbotEvents = rows.events.filter(({ chatbot_id }) => chatbot_id === id);
      return checkGapless(
        id,
        last_event,
        chatbotEvents.map(({ chatbot_number }) => chatbot_number),
      );
    }),
    ...(rows.usedMessages === replyCount
      ? []
      : [`The usage counts ${rows.usedMessages} replies, but there are ${replyCount}.`]),
    ...notDeleted.flatMap((conversation) => {
      const events = eventsByConversation.get(conversation.id) ?? [];
      return [
        ...checkSent(conversation, rows, messagesById),
        ...checkStops(conversation, messagesById),
        ...checkTakeovers(conversation, events, messagesById),
        ...checkReaders(conversation, events, messagesById),
      ];
    }),
  ];
}

/** The error codes of an unavailable gateway, over GraphQL and over REST. */
const UNAVAILABLE_CODES: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', '503']);

type Messages = ReadonlyMap<string, StoredRows['messages'][number]>;

function checkGapless(id: string, last: number, numbers: readonly number[]): string[] {
  const sorted = numbers.toSorted((a, b) => a - b);
  const isGapless = sorted.length === last && sorted.every((number, index) => number === index + 1);
  return isGapless ? [] : [`The event numbers of ${id} are not 1 to ${last}: ${sorted.join()}`];
}

/** Checks that every acknowledged message is stored exactly once. */
function checkSent({ sent }: TrackedConversation, { messages }: StoredRows, messagesById: Messages): string[] {
  return sent.flatMap(({ messageId, replyId, content }) => [
    ...(messagesById.get(messageId)?.content === content ? [] : [`The message ${messageId} is lost.`]),
    ...(replyId === undefined || messagesById.has(replyId) ? [] : [`The reply ${replyId} is lost.`]),
    ...(messages.filter((message) => message.content === content).length === 1
      ? []
      : [`${content} is not stored exactly once.`]),
  ]);
}

/**
 * Checks the replies for which a stop was acknowledged: a reply that had already ended did not change later, and a
 * reply that was still open was not completed.
 */
function checkStops({ stopped }: TrackedConversation, messagesById: Messages): string[] {
  return stopped.flatMap(({ replyId, status, content }) => {
    const now = messagesById.get(replyId);
    const wasOpen = status === 'QUEUED' || status === 'STREAMING';
    const isConsistent = wasOpen ? now?.status !== 'COMPLETED' : now?.status === status && now.content === content;
    return isConsistent ? [] : [`${replyId} was ${status} when its stop was acknowledged, and is ${now?.status}.`];
  });
}

/** Checks that no reply starts between a takeover and the hand-back to the chatbot. */
function checkTakeovers(
  { id, takeovers }: TrackedConversation,
  events: StoredRows['events'],
  messagesById: Messages,
): string[] {
  const problems: string[] = [];
  let isTakenOver = false;
  // The first `ConversationChanged` after a takeover announces the takeover; the next one is the hand-back.
  let isAnnounced = true;
  const loggedTakeovers = new Set<string>();
  for (const { type, message_id } of events) {
    const role = messagesById.get(message_id ?? '')?.role;
    if (role === 'AGENT') {
      loggedTakeovers.add(message_id ?? '');
      isAnnounced = isTakenOver;
      isTakenOver = true;
    } else if (type === 'ConversationChanged') {
      if (isAnnounced) isTakenOver = false;
      isAnnounced = true;
    } else if (isTakenOver && role === 'ASSISTANT' && (type === 'MessageStarted' || type === 'MessageCreated')) {
      problems.push(`${type} of ${message_id} is logged in ${id} during a takeover.`);
    }
  }
  for (const messageId of takeovers) {
    if (!loggedTakeovers.has(messageId)) problems.push(`The takeover ${messageId} is lost.`);
  }
  return problems;
}

/** Checks that each reader received a gapless slice of the log, and texts that match the stored texts. */
function checkReaders(
  { id, readers }: TrackedConversation,
  log: StoredRows['events'],
  messagesById: Messages,
): string[] {
  const loggedEvents = log
    .flatMap(({ type, message_id }) => (message_id === null ? [] : `${type} ${message_id}`))
    .join('\n');
  return readers.flatMap(({ events, errors }, index) => {
    const name = `Reader ${index} of ${id}`;
    const problems: string[] = [];
    const received = describeMessageEvents(events);
    // The first event may be of the reply that was being generated when the reader subscribed.
    const isSlice = [received, received.slice(1)].some((list) => loggedEvents.includes(list.join('\n')));
    if (!isSlice) problems.push(`${name} received\n${received.join('\n')}\nbut the log is\n${loggedEvents}`);
    const refusals = errors.filter((code) => !UNAVAILABLE_CODES.has(code));
    if (refusals.length > 0) problems.push(`${name} was refused with ${refusals}.`);
    if (events.some(({ __typename }) => __typename === 'StreamGap')) problems.push(`${name} received a StreamGap.`);
    if (new Set(events.map(({ cursor }) => cursor)).size < events.length)
      problems.push(`${name} received an event twice.`);
    const texts = collectTexts(events);
    for (const [replyId, text] of Object.entries(texts)) {
      const ends = events.filter((event) => endsMessage(event, replyId));
      const { status, content = '' } = messagesById.get(replyId) ?? {};
      for (const { message } of ends) {
        if (message?.content !== content || message.status !== status)
          problems.push(`${name} received an end of ${replyId} that differs from the stored ${status} reply.`);
      }
      // If a crash interrupted the reply, readers may have received more text than was saved.
      const mayBeUnsaved = status === 'INTERRUPTED' || status === 'STOPPED';
      const isSame = mayBeUnsaved || ends.length === 0 ? text.startsWith(content) : text === content;
      if (ends.length > 0 && !isSame)
        problems.push(`${name} received ${text.length} of ${content.length} characters of ${replyId}, ${status}.`);
    }
    return problems;
  });
}
