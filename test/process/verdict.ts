import { collectTexts, describeMessageEvents, endsMessage } from '../helpers/conversations.ts';
import type { readAll } from './fleet.ts';
import type { Talk } from './talkers.ts';

type All = Awaited<ReturnType<typeof readAll>>;

/** Lists contradictions between what is stored, what was acknowledged and what readers received. */
export function findProblems(all: All, talks: readonly Talk[]): string[] {
  const byId = new Map(all.messages.map((message) => [message.id, message]));
  const ofConversation = Map.groupBy(all.events, ({ conversation_id }) => conversation_id);
  const live = talks.filter(({ id }) => all.conversations.some((conversation) => conversation.id === id));
  const count = all.messages.filter(({ role, content }) => role === 'ASSISTANT' && content !== '').length + all.removed;
  return [
    ...all.messages
      .filter(({ status }) => status === 'QUEUED' || status === 'STREAMING')
      .map(({ id, status }) => `${id} stays ${status}.`),
    ...all.conversations.flatMap(({ id, last_event }) =>
      checkNumbers(
        id,
        last_event,
        (ofConversation.get(id) ?? []).map(({ number }) => number),
      ),
    ),
    ...all.chatbots.flatMap(({ id, last_event }) => {
      const own = all.events.filter(({ chatbot_id }) => chatbot_id === id);
      return checkNumbers(
        id,
        last_event,
        own.map(({ chatbot_number }) => chatbot_number),
      );
    }),
    ...(all.used === count ? [] : [`${all.used} replies are counted, and there are ${count}.`]),
    ...live.flatMap((talk) => {
      const events = ofConversation.get(talk.id) ?? [];
      return [
        ...checkSent(talk, all, byId),
        ...checkStops(talk, byId),
        ...checkTakeovers(talk, events, byId),
        ...checkReaders(talk, events, byId),
      ];
    }),
  ];
}

/** The error codes of an unavailable gateway, over GraphQL and over REST. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', '503']);

type Messages = ReadonlyMap<string, All['messages'][number]>;

function checkNumbers(id: string, last: number, numbers: readonly number[]): string[] {
  const sorted = numbers.toSorted((a, b) => a - b);
  const isWhole = sorted.length === last && sorted.every((number, index) => number === index + 1);
  return isWhole ? [] : [`The log of ${id} is not 1 to ${last}: ${sorted.join()}`];
}

/** Checks that every acknowledged message is stored exactly once. */
function checkSent({ sent }: Talk, { messages }: All, byId: Messages): string[] {
  return sent.flatMap(({ messageId, replyId, content }) => [
    ...(byId.get(messageId)?.content === content ? [] : [`The message ${messageId} is lost.`]),
    ...(replyId === undefined || byId.has(replyId) ? [] : [`The reply ${replyId} is lost.`]),
    ...(messages.filter((message) => message.content === content).length === 1 ? [] : [`${content} was stored twice.`]),
  ]);
}

/** Checks that every stopped reply stayed as it was when the stop was acknowledged. */
function checkStops({ stopped }: Talk, byId: Messages): string[] {
  return stopped.flatMap(({ replyId, status, content }) => {
    const now = byId.get(replyId);
    const wasOpen = status === 'QUEUED' || status === 'STREAMING';
    const isKept = wasOpen ? now?.status !== 'COMPLETED' : now?.status === status && now.content === content;
    return isKept ? [] : [`${replyId} was ${status} when its stop was acknowledged, and is ${now?.status}.`];
  });
}

/** Checks that no reply starts between a takeover and the hand-back to the chatbot. */
function checkTakeovers({ id, takeovers }: Talk, events: All['events'], byId: Messages): string[] {
  const problems: string[] = [];
  let isTakenOver = false;
  let isAnnounced = true;
  const loggedTakeovers = new Set<string>();
  for (const { type, message_id } of events) {
    const role = byId.get(message_id ?? '')?.role;
    if (role === 'AGENT') {
      loggedTakeovers.add(message_id ?? '');
      isAnnounced = isTakenOver;
      isTakenOver = true;
    } else if (type === 'HandoffChanged') {
      if (isAnnounced) isTakenOver = false;
      isAnnounced = true;
    } else if (isTakenOver && role === 'ASSISTANT' && (type === 'MessageStarted' || type === 'MessageCreated')) {
      problems.push(`In ${id} ${type} of ${message_id} comes while a person answers.`);
    }
  }
  for (const messageId of takeovers) {
    if (!loggedTakeovers.has(messageId)) problems.push(`The takeover ${messageId} is lost.`);
  }
  return problems;
}

/** Checks that each reader received a gapless slice of the log, and texts that match the stored ones. */
function checkReaders({ id, readers }: Talk, log: All['events'], byId: Messages): string[] {
  const stages = log.flatMap(({ type, message_id }) => (message_id === null ? [] : `${type} ${message_id}`)).join('\n');
  return readers.flatMap(({ events, errors }, index) => {
    const name = `Reader ${index} of ${id}`;
    const problems: string[] = [];
    const received = describeMessageEvents(events);
    // The first may be the reply that was being generated when the reader subscribed.
    const isSlice = [received, received.slice(1)].some((list) => stages.includes(list.join('\n')));
    if (!isSlice) problems.push(`${name} was told\n${received.join('\n')}\nand the log is\n${stages}`);
    const refusals = errors.filter((code) => !UNAVAILABLE.has(code));
    if (refusals.length > 0) problems.push(`${name} was refused with ${refusals}.`);
    if (events.some(({ __typename }) => __typename === 'StreamGap')) problems.push(`${name} was told of a gap.`);
    if (new Set(events.map(({ cursor }) => cursor)).size < events.length) problems.push(`${name} was told twice.`);
    const texts = collectTexts(events);
    for (const [replyId, text] of Object.entries(texts)) {
      const ends = events.filter((event) => endsMessage(event, replyId));
      const { status, content = '' } = byId.get(replyId) ?? {};
      for (const { message } of ends) {
        if (message?.content !== content || message.status !== status)
          problems.push(`${name} was told another end of ${replyId} than ${status}.`);
      }
      // A crash may have cut the reply: readers may have received more than was saved.
      const mayBeCut = status === 'INTERRUPTED' || status === 'STOPPED';
      const isSame = mayBeCut || ends.length === 0 ? text.startsWith(content) : text === content;
      if (ends.length > 0 && !isSame)
        problems.push(`${name} was told ${text.length} of ${content.length} of ${replyId}, ${status}.`);
    }
    return problems;
  });
}
