import type {
  CitationFieldsFragment,
  ConversationFieldsFragment,
  FollowSubscription,
  MessageFieldsFragment,
} from './documents.ts';

/** A message of a conversation. */
export type Message = MessageFieldsFragment;

/** Evidence for a span of a message. */
export type Citation = CitationFieldsFragment;

/** The state of a conversation apart from its messages. */
export type ConversationFields = ConversationFieldsFragment;

/** An event of a conversation. */
export type ConversationEvent = FollowSubscription['conversationEvents'];

/** The part of the state that events change. */
export interface EventState {
  readonly conversation: ConversationFields | undefined;
  /** The loaded messages of the shown branch, oldest first. */
  readonly messages: readonly Message[];
  readonly isPersonTyping: boolean;
}

const STAGES: Readonly<Record<Message['status'], number>> = {
  QUEUED: 0,
  STREAMING: 1,
  COMPLETED: 2,
  FAILED: 2,
  STOPPED: 2,
  INTERRUPTED: 2,
};
const FINAL_STAGE = 2;

/** Whether the status of a message is final. */
export const hasEnded = ({ status }: Message): boolean => STAGES[status] === FINAL_STAGE;

/** The change of state for an event; undefined if the conversation must be read again. */
export function applyEvent(state: EventState, event: ConversationEvent): Partial<EventState> | undefined {
  const { messages } = state;
  switch (event.__typename) {
    case 'MessageCreated': {
      const { message, replaces } = event;
      // A stream without a cursor starts with the unfinished reply, even if another branch is shown.
      if (!message.isShown) return {};
      const added = addMessage(messages, message, replaces?.id);
      return { messages: added, ...(message.role === 'AGENT' && { isPersonTyping: false }) };
    }
    case 'MessageDeleted':
      return { messages: removeMessage(messages, event.messageId) };
    case 'MessageDelta': {
      const updated = addDelta(messages, event);
      return updated && { messages: updated };
    }
    case 'CitationAdded':
      return { messages: addCitation(messages, event.messageId, event.citation) };
    case 'ConversationChanged':
      return event.conversation ? { conversation: event.conversation } : {};
    case 'TypingChanged':
      return event.role === 'AGENT' ? { isPersonTyping: event.isTyping } : {};
    case 'StreamReady':
    case 'BranchSelected':
    case 'StreamGap':
      return undefined;
    default:
      return 'message' in event ? { messages: updateMessage(messages, event.message) } : {};
  }
}

/**
 * Merges a known message with an update. The more advanced status wins, because responses and events may overtake each
 * other. While a reply is generated, its text only grows; the final text may be shorter.
 */
function mergeMessage(known: Message, update: Message): Message {
  if (STAGES[update.status] < STAGES[known.status]) {
    return { ...known, siblings: longer(known.siblings, update.siblings) };
  }
  if (update.status !== 'STREAMING' || update.content.length >= known.content.length) return update;
  return { ...update, content: known.content, citations: longer(known.citations, update.citations) };
}

const longer = <Item>(some: Item[], others: Item[]) => (some.length > others.length ? some : others);

/** Updates a message in a list; does nothing if the list lacks it. */
export function updateMessage(messages: readonly Message[], update: Message): readonly Message[] {
  return messages.map((message) => (message.id === update.id ? mergeMessage(message, update) : message));
}

/**
 * Adds a new message to the shown branch. The branch is in the order of its ids, so a message that overtakes another one
 * still gets its place.
 * @param replacedId the first message that the new one replaces, with all messages between the two.
 */
export function addMessage(messages: readonly Message[], update: Message, replacedId?: string): readonly Message[] {
  const remaining =
    replacedId === undefined ? messages : messages.filter(({ id }) => id < replacedId || id >= update.id);
  if (remaining.some(({ id }) => id === update.id)) return updateMessage(remaining, update);
  return [...remaining.filter(({ id }) => id < update.id), update, ...remaining.filter(({ id }) => id > update.id)];
}

/**
 * Appends a page with the newest messages of the shown branch to the loaded earlier messages. A loaded message stays if
 * its status is more advanced.
 */
export function addPage(messages: readonly Message[], page: readonly Message[]): readonly Message[] {
  const known = new Map(messages.map((message) => [message.id, message]));
  const merged = page.map((update) => mergeMessage(known.get(update.id) ?? update, update));
  const [first] = merged;
  const parentIndex = messages.findIndex(({ id }) => id === first?.parent?.id);
  return [...messages.slice(0, parentIndex + 1), ...merged];
}

function removeMessage(messages: readonly Message[], deletedId: string): readonly Message[] {
  const isOther = ({ id }: { id: string }) => id !== deletedId;
  return messages.filter(isOther).map((message) => ({ ...message, siblings: message.siblings.filter(isOther) }));
}

/** A delta: new text of a reply, and its offset. */
interface Delta {
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
}

/** Inserts a delta at its offset; text that is known already changes nothing. Undefined if earlier text is missing. */
function addDelta(messages: readonly Message[], delta: Delta): readonly Message[] | undefined {
  const message = messages.find(({ id }) => id === delta.messageId);
  if (message === undefined || hasEnded(message)) return messages;
  if (delta.offset > message.content.length) return undefined;
  if (delta.offset + delta.text.length <= message.content.length) return messages;
  const content = message.content.slice(0, delta.offset) + delta.text;
  return messages.map((other) => (other === message ? { ...message, status: 'STREAMING', content } : other));
}

function addCitation(messages: readonly Message[], messageId: string, update: Citation): readonly Message[] {
  return messages.map((message) =>
    message.id !== messageId || hasEnded(message) || message.citations.some((citation) => isSame(citation, update))
      ? message
      : { ...message, citations: [...message.citations, update] },
  );
}

/** Whether two citations are the same one. */
export const isSame = (citation: Citation, other: Citation): boolean =>
  citation.start === other.start && citation.end === other.end && citation.quote === other.quote;
