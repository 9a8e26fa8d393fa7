import type { Context } from 'hono';
import { HEARTBEAT, HEARTBEAT_MS, STREAM_HEADERS } from '../../domain/event-stream.ts';
import type { RestEnv, RestOptions } from './context.ts';
import { ConversationEventsDocument, type ConversationEventsSubscription } from './documents.ts';
import { toEvent } from './event-mappers.ts';

const RETRY = 'retry: 1000\n\n';

const utf8 = new TextEncoder();

/**
 * Streams the events of a conversation as server-sent events, starting after the last one that the client has received.
 * The gateway reads events only as fast as the client does. The stream ends when the client disconnects or its key is
 * revoked.
 * @throws NotFoundError, BadUserInputError, RateLimitedError before anything is sent.
 */
export async function sendEventStream(c: Context<RestEnv, string>, { onError }: RestOptions): Promise<Response> {
  const { signal, requestId } = c.env;
  const conversationId = c.req.param('conversation_id') ?? '';
  const after = c.req.header('Last-Event-ID') ?? c.req.query('after');
  c.var.countStream();
  const events = await c.var.graph.subscribe(ConversationEventsDocument, { conversationId, after }, signal);
  const body = createEventStream(events, signal, (error) => onError(error, requestId));
  return c.body(body, 200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    ...STREAM_HEADERS,
  });
}

/** Writes events on demand: for a slow client, it reads no event in advance. */
function createEventStream(
  events: AsyncGenerator<ConversationEventsSubscription, void, void>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  let heartbeat: NodeJS.Timeout | undefined;
  const stop = () => {
    clearInterval(heartbeat);
    // Without `return`, the generator would end only at the next pull, which never comes.
    void events.return();
  };
  return new ReadableStream(
    {
      start(controller) {
        controller.enqueue(utf8.encode(RETRY));
        heartbeat = setInterval(() => {
          // A client that has not read the last heartbeat needs no further one.
          if (controller.desiredSize === 0) controller.enqueue(utf8.encode(HEARTBEAT));
        }, HEARTBEAT_MS);
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
      },

      async pull(controller) {
        const text = await nextOf(events, onError);
        if (text === undefined) {
          stop();
          controller.close();
        } else controller.enqueue(utf8.encode(text));
      },

      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}

/** The text of the next event; `undefined` at the end or after an error. The client then reconnects and resumes. */
async function nextOf(
  events: AsyncGenerator<ConversationEventsSubscription, void, void>,
  onError: (error: unknown) => void,
): Promise<string | undefined> {
  try {
    while (true) {
      const { value } = await events.next();
      if (!value) return undefined;
      const text = formatEvent(value);
      if (text !== undefined) return text;
    }
  } catch (error) {
    onError(error);
    return undefined;
  }
}

function formatEvent({ conversationEvents }: ConversationEventsSubscription): string | undefined {
  const event = toEvent(conversationEvents);
  return event && `id: ${conversationEvents.cursor}\nevent: ${event.name}\ndata: ${JSON.stringify(event.data)}\n\n`;
}
