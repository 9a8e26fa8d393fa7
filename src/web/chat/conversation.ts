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
 * Merges a known message with an update; the more advanced one wins, because responses and events overtake each other.
 * Text only grows while a reply is generated; the stored text may be shorter in the end.
 */
export function mergeMessage(known: Message, update: Message): Message {
  if (STAGES[update.status] < STAGES[known.status])
    return { ...known, siblings: longer(known.siblings, update.siblings) };
  if (update.status !== 'STREAMING' || update.content.length >= known.content.length) return update;
  return { ...update, content: known.content, citations: longer(known.citations, update.citations) };
}

const longer = <Item>(some: Item[], others: Item[]) => (some.length > others.length ? some : others);

/** Updates a known message; a list without it stays as it is. */
export function updateMessage(messages: readonly Message[], update: Message): readonly Message[] {
  return messages.map((message) => (message.id === update.id ? mergeMessage(message, update) : message));
}

/**
 * Adds a message to the shown branch: after its parent, replacing whatever followed.
 * @returns undefined if the parent is not in the list: everything must be read again.
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

/** The messages up to and including one; none if `id` is absent, undefined if it is not among them. */
function messagesUpTo(messages: readonly Message[], id: string | undefined): readonly Message[] | undefined {
  if (id === undefined) return [];
  const index = messages.findIndex((message) => message.id === id);
  return index < 0 ? undefined : messages.slice(0, index + 1);
}

/** A piece of a reply, and its offset. */
export interface Delta {
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
}

/**
 * Writes a piece of a reply at its offset; a piece that is there already changes nothing.
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

/** Adds a citation to a reply, once. */
export function addCitation(messages: readonly Message[], messageId: string, update: Citation): readonly Message[] {
  const isSame = ({ start, end, quote }: Citation) =>
    start === update.start && end === update.end && quote === update.quote;
  return messages.map((message) =>
    message.id !== messageId || hasEnded(message) || message.citations.some(isSame)
      ? message
      : { ...message, citations: [...message.citations, update] },
  );
}
