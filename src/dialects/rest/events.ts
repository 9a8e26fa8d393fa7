import type { Context } from 'hono';
import type { RestEnv, RestOptions } from './context.ts';
import { ConversationEventsDocument, type ConversationEventsSubscription } from './documents.ts';
import { toEvent } from './event-mappers.ts';

/** Under every time-out of 15 seconds that may lie on the way. */
const HEARTBEAT_MS = 12_000;
const RETRY = 'retry: 1000\n\n';
const HEARTBEAT = ':\n\n';

const utf8 = new TextEncoder();

/**
 * Opens the events of a conversation as server-sent events, after the last one that the client has seen. They are read
 * as fast as the client takes them; it ends when the client leaves, or its key is revoked.
 * @throws NotFoundError, BadUserInputError, RateLimitedError before anything is sent.
 */
export async function openEvents(c: Context<RestEnv, string>, { onError }: RestOptions): Promise<Response> {
  const { signal, requestId } = c.env;
  const conversationId = c.req.param('conversation_id') ?? '';
  const after = c.req.header('Last-Event-ID') ?? c.req.query('after');
  c.var.claimStream();
  const events = await c.var.graph.subscribe(ConversationEventsDocument, { conversationId, after }, signal);
  const body = streamEvents(events, signal, (error) => onError(error, requestId));
  return c.body(body, 200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    // A proxy must neither keep nor gather what is meant for now.
    'Cache-Control': 'private, no-store, no-transform',
    'X-Accel-Buffering': 'no',
  });
}

/** Writes events as they are asked for; nothing is read ahead of a slow client. */
function streamEvents(
  events: AsyncGenerator<ConversationEventsSubscription, void, void>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  let heartbeat: NodeJS.Timeout | undefined;
  const stop = () => {
    clearInterval(heartbeat);
    // Nobody asks any more for the next one, where its end would be found.
    void events.return();
  };
  return new ReadableStream(
    {
      start(controller) {
        controller.enqueue(utf8.encode(RETRY));
        heartbeat = setInterval(() => {
          // Who has not taken the last one yet needs no other.
          if (controller.desiredSize === 0) controller.enqueue(utf8.encode(HEARTBEAT));
        }, HEARTBEAT_MS);
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
      },

      async pull(controller) {
        const event = await nextOf(events, onError);
        if (event === undefined) {
          stop();
          controller.close();
        } else controller.enqueue(utf8.encode(writeEvent(event)));
      },

      cancel: stop,
    },
    { highWaterMark: 0 },
  );
}

/** The next event; `undefined` at the end, also where that is an error: the client comes back after its last event. */
async function nextOf(
  events: AsyncGenerator<ConversationEventsSubscription, void, void>,
  onError: (error: unknown) => void,
): Promise<ConversationEventsSubscription | undefined> {
  try {
    return (await events.next()).value ?? undefined;
  } catch (error) {
    onError(error);
    return undefined;
  }
}

function writeEvent({ conversationEvents }: ConversationEventsSubscription): string {
  const { name, data } = toEvent(conversationEvents);
  return `id: ${conversationEvents.cursor}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
