import { readEventStream } from './event-stream.ts';
import { createReader, type StreamCitation, type StreamEvent, type StreamMessage, type Transport } from './streams.ts';

/** The data of an event over REST. */
interface RestData {
  readonly conversation_id: string;
  readonly at: string;
  readonly message_id?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly citation?: StreamCitation;
  readonly message?: Pick<StreamMessage, 'id' | 'status' | 'content' | 'citations' | 'error'> & {
    readonly finish_reason: string | null;
  };
}

/**
 * The events of a conversation over REST, resumed by `Last-Event-ID` and converted to the events of the GraphQL schema.
 * The code of an error is its HTTP status.
 */
export const restEvents: Transport = {
  name: 'REST',
  subscribe({ url, key }, options) {
    if (!('conversationId' in options)) throw new Error('REST follows conversations only.');
    const { conversationId, after } = options;
    const controller = new AbortController();
    const leave = () => controller.abort();
    return createReader((sink) => {
      async function read(): Promise<void> {
        const response = await fetch(`${url}/v1/conversations/${conversationId}/events`, {
          headers: { authorization: `Bearer ${options.key ?? key}`, ...(after != null && { 'last-event-id': after }) },
          signal: controller.signal,
        });
        if (response.status !== 200) throw [{ extensions: { code: response.status } }];
        for await (const { id = '', event, data = '' } of readEventStream(response)) {
          if (event !== undefined) sink.next({ data: { event: toStreamEvent(id, event, JSON.parse(data)) } });
        }
      }
      read().then(
        () => sink.complete(),
        (error: unknown) => sink.error(error),
      );
      return leave;
    }, leave);
  },
};

const EVENTS_WITHOUT_MESSAGE = new Set(['stream.gap', 'conversation.deleted', 'conversation.changed']);

/** Converts an event of REST to an event of the GraphQL schema. */
function toStreamEvent(cursor: string, event: string, data: RestData): StreamEvent {
  const { conversation_id: conversationId, message_id: messageId, at, offset, text, citation, message } = data;
  const __typename = event.replace(/\b\w/g, (letter) => letter.toUpperCase()).replace('.', '');
  const commonFields = { __typename, cursor, conversationId, at };
  if (message !== undefined) return { ...commonFields, message: toStreamMessage(message) };
  if (EVENTS_WITHOUT_MESSAGE.has(event)) return commonFields;
  if (messageId === undefined) throw new Error(`${event} names no message.`);
  if (citation !== undefined) return { ...commonFields, messageId, citation: toStreamCitation(citation) };
  return { ...commonFields, messageId, ...(offset !== undefined && { offset }), ...(text !== undefined && { text }) };
}

function toStreamMessage({ id, status, content, citations, ...rest }: NonNullable<RestData['message']>): StreamMessage {
  return {
    id,
    status: status.toUpperCase(),
    content,
    finishReason: rest.finish_reason?.toUpperCase() ?? null,
    error: rest.error,
    citations: citations.map(toStreamCitation),
  };
}

const toStreamCitation = ({ title, quote, start, end }: StreamCitation): StreamCitation => ({
  title,
  quote,
  start,
  end,
});
