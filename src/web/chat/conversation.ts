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
const FINAL_STAGE = 2;

/** Whether the status of a message is final. */
export function hasEnded({ status }: Message): boolean {
  return STAGES[status] === FINAL_STAGE;
}

/**
 * Merges a known message with an update. The more advanced status wins, because responses and events may overtake each
 * other. While a reply is generated, its text only grows; the final text may be shorter.
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
 * @returns undefined if the list lacks the parent, so that the conversation must be reloaded.
 */
export function addMessage(messages: readonly Message[], update: Message): readonly Message[] | undefined {
  if (messages.some(({ id }) => id === update.id)) return updateMessage(messages, update);
  const preceding = messagesUpTo(messages, update.parent?.id);
  return preceding && [...preceding, update];
}

/**
 * Appends a page with the newest messages of the shown branch to the loaded earlier messages. A loaded message stays if
 * its status is more advanced.
 */
export function addPage(messages: readonly Message[], page: readonly Message[]): readonly Message[] {
  const known = new Map(messages.map((message) => [message.id, message]));
  const merged = page.map((update) => mergeMessage(known.get(update.id) ?? update, update));
  const [first] = merged;
  const preceding = first?.parent ? messagesUpTo(messages, first.parent.id) : [];
  return [...(preceding ?? []), ...merged];
}

/** The messages up to and including `id`; none if `id` is absent, undefined if the list lacks it. */
function messagesUpTo(messages: readonly Message[], id: string | undefined): readonly Message[] | undefined {
  if (id === undefined) return [];
  const index = messages.findIndex((message) => message.id === id);
  return index < 0 ? undefined : messages.slice(0, index + 1);
}

/** A delta: new text of a reply, and its offset. */
export interface Delta {
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
}

/**
 * Inserts a delta into its reply at its offset; a delta whose text is known already changes nothing.
 * @returns undefined if text before the delta is missing, so that the conversation must be reloaded.
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
