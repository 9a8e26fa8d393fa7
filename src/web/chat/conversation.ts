import type { CitationFieldsFragment, MessageFieldsFragment } from './documents.ts';

/** A message on the page. */
export type Message = MessageFieldsFragment;

/** Evidence for a span of a message. */
export type Citation = CitationFieldsFragment;

const STAGES: Readonly<Record<Message['status'], number>> = {
  QUEUED: 0,
  STREAMING: 1,
  COMPLETED: 2,
  FAILED: 2,
  STOPPED: 2,
  INTERRUPTED: 2,
};
const ENDED = 2;

/** Whether a message is final. */
export function hasEnded({ status }: Message): boolean {
  return STAGES[status] === ENDED;
}

/**
 * Merges a known message with an update. The more advanced one wins, because responses and events may overtake each
 * other. While a reply is generated, its text only grows; the final, stored text may be shorter.
 */
export function mergeMessage(known: Message, update: Message): Message {
  if (STAGES[update.status] < STAGES[known.status])
    return { ...known, siblings: longer(known.siblings, update.siblings) };
  if (update.status !== 'STREAMING' || update.content.length >= known.content.length) return update;
  return { ...update, content: known.content, citations: longer(known.citations, update.citations) };
}

const longer = <Item>(some: Item[], others: Item[]) => (some.length > others.length ? some : others);

/** Updates a message in a list; does nothing if the list lacks it. */
export function updateMessage(messages: readonly Message[], update: Message): readonly Message[] {
  return messages.map((message) => (message.id === update.id ? mergeMessage(message, update) : message));
}

/**
 * Adds a message to the shown branch after its parent, and removes the messages that followed the parent.
 * @returns undefined if the parent is not in the list, and the conversation must be read again.
 */
export function addMessage(messages: readonly Message[], update: Message): readonly Message[] | undefined {
  if (messages.some(({ id }) => id === update.id)) return updateMessage(messages, update);
  const kept = messagesUpTo(messages, update.parent?.id);
  return kept && [...kept, update];
}

/**
 * Appends a page with the newest messages of the shown branch to known earlier messages. A known message stays if it is
 * more advanced.
 */
export function addPage(messages: readonly Message[], page: readonly Message[]): readonly Message[] {
  const known = new Map(messages.map((message) => [message.id, message]));
  const merged = page.map((update) => mergeMessage(known.get(update.id) ?? update, update));
  const [first] = merged;
  const kept = first?.parent ? messagesUpTo(messages, first.parent.id) : [];
  return [...(kept ?? []), ...merged];
}

/** The messages up to and including `id`; none if `id` is absent, undefined if the list lacks it. */
function messagesUpTo(messages: readonly Message[], id: string | undefined): readonly Message[] | undefined {
  if (id === undefined) return [];
  const index = messages.findIndex((message) => message.id === id);
  return index < 0 ? undefined : messages.slice(0, index + 1);
}

/** A piece of a reply's text, and its offset. */
export interface Delta {
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
}

/**
 * Writes a piece of a reply at its offset; a piece that was already written changes nothing.
 * @returns undefined if text before the piece is missing.
 */
export function addDelta(messages: readonly Message[], delta: Delta): readonly Message[] | undefined {
  const message = messages.find(({ id }) => id === delta.messageId);
  if (message === undefined || hasEnded(message)) return messages;
  if (delta.offset > message.content.length) return undefined;
  if (delta.offset + delta.text.length <= message.content.length) return messages;
  const content = message.content.slice(0, delta.offset) + delta.text;
  return messages.map((other) => (other === message ? { ...message, status: 'STREAMING', content } : other));
}

/** Adds a citation to a reply, unless the reply has it already. */
export function addCitation(messages: readonly Message[], messageId: string, update: Citation): readonly Message[] {
  const isSame = ({ start, end, quote }: Citation) =>
    start === update.start && end === update.end && quote === update.quote;
  return messages.map((message) =>
    message.id !== messageId || hasEnded(message) || message.citations.some(isSame)
      ? message
      : { ...message, citations: [...message.citations, update] },
  );
}
