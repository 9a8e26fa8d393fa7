import type { CitationFieldsFragment, MessageFieldsFragment } from './documents.ts';

/** A message as the page knows it. */
export type Message = MessageFieldsFragment;

/** Evidence for a stretch of a message. */
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

/** Whether a message will not change any more by itself. */
export function hasEnded({ status }: Message): boolean {
  return STAGES[status] === ENDED;
}

/**
 * Puts together what is known of a message and what was told: what has come further counts, because answers and events
 * overtake each other. Text only grows while a reply is written; what is stored in the end may be less than was told.
 */
export function mergeMessage(known: Message, told: Message): Message {
  if (STAGES[told.status] < STAGES[known.status]) return { ...known, siblings: longer(known.siblings, told.siblings) };
  if (told.status !== 'STREAMING' || told.content.length >= known.content.length) return told;
  return { ...told, content: known.content, citations: longer(known.citations, told.citations) };
}

const longer = <Item>(some: Item[], others: Item[]) => (some.length > others.length ? some : others);

/** Replaces what is known of a message; a list without it stays as it is. */
export function updateMessage(messages: readonly Message[], told: Message): readonly Message[] {
  return messages.map((message) => (message.id === told.id ? mergeMessage(message, told) : message));
}

/**
 * Adds a message to the branch that is shown: it stands after its parent, in place of what stood there.
 * @returns undefined where the parent is not in the list, so that everything has to be read again.
 */
export function addMessage(messages: readonly Message[], told: Message): readonly Message[] | undefined {
  if (messages.some(({ id }) => id === told.id)) return updateMessage(messages, told);
  const kept = keepUpTo(messages, told.parent?.id);
  return kept && [...kept, told];
}

/**
 * Puts a page of messages, the newest ones of the branch that is shown, after those before it that are known already.
 * What is known of its messages is kept where it has come further.
 */
export function addPage(messages: readonly Message[], page: readonly Message[]): readonly Message[] {
  const known = new Map(messages.map((message) => [message.id, message]));
  const merged = page.map((told) => mergeMessage(known.get(told.id) ?? told, told));
  const [first] = merged;
  const kept = first?.parent ? keepUpTo(messages, first.parent.id) : [];
  return [...(kept ?? []), ...merged];
}

/** The messages up to one, that one included; none where it is absent, undefined where it is not among them. */
function keepUpTo(messages: readonly Message[], id: string | undefined): readonly Message[] | undefined {
  if (id === undefined) return [];
  const index = messages.findIndex((message) => message.id === id);
  return index < 0 ? undefined : messages.slice(0, index + 1);
}

/** A piece of a reply, and where it stands in it. */
export interface Delta {
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
}

/**
 * Writes a piece of a reply to its place; a piece that is there already changes nothing.
 * @returns undefined where text before the piece is missing.
 */
export function addDelta(messages: readonly Message[], delta: Delta): readonly Message[] | undefined {
  const message = messages.find(({ id }) => id === delta.messageId);
  if (message === undefined || hasEnded(message)) return messages;
  if (delta.offset > message.content.length) return undefined;
  if (delta.offset + delta.text.length <= message.content.length) return messages;
  const content = message.content.slice(0, delta.offset) + delta.text;
  return messages.map((other) => (other === message ? { ...message, status: 'STREAMING', content } : other));
}

/** Adds a citation to a reply that does not have it yet. */
export function addCitation(messages: readonly Message[], messageId: string, told: Citation): readonly Message[] {
  const isSame = ({ start, end, quote }: Citation) => start === told.start && end === told.end && quote === told.quote;
  return messages.map((message) =>
    message.id !== messageId || hasEnded(message) || message.citations.some(isSame)
      ? message
      : { ...message, citations: [...message.citations, told] },
  );
}
