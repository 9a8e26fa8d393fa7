import type { EventsSubscription, MessagesQuery } from './documents.ts';

type Message = NonNullable<MessagesQuery['conversation']>['messages']['nodes'][number];
/** Messages by their ids. */
export type MessagesById = Readonly<Record<string, Message>>;

/** Applies an event; one that the query has shown already changes nothing. */
export function applyEvent(messages: MessagesById, { event }: EventsSubscription): MessagesById {
  if ('message' in event) return { ...messages, [event.message.id]: event.message };
  const message = 'messageId' in event ? messages[event.messageId] : undefined;
  if (message === undefined) return messages;
  if (event.__typename === 'MessageDelta') return { ...messages, [message.id]: { ...message, content: event.content } };
  if (event.__typename !== 'CitationAdded') return messages;
  const { citation } = event;
  const citations = [...message.citations.filter(({ id }) => id !== citation.id), citation];
  return { ...messages, [message.id]: { ...message, citations } };
}
