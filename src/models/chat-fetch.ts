import { type ChatEvent, type ChatEventReader, createChatEventReader } from './chat-events.ts';
import { isFailureReason } from './finish.ts';

/** The wait for the usage and the end of a response after a finish reason, and for its end after `[DONE]`. */
const END_WAIT_MS = 1_000;

type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** The state of reading one response. */
interface ChatBody {
  readonly reader: BodyReader;
  readonly events: ChatEventReader;
  readonly decoder: TextDecoder;
  onServerError(): void;
  /** Whether text or a tool call has arrived. */
  hasOutput: boolean;
  hasFinishReason: boolean;
  /**
   * The time at which the reader stops waiting for the end, on the clock of `performance`; set by a finish reason that
   * names no failure. Nothing that follows makes the answer fail.
   */
  deadline: number | undefined;
  isDone: boolean;
}

/**
 * Wraps a fetch for OpenAI's chat protocol, whose servers end an answer in different ways. In the returned response an
 * answer has one form: events with a finish reason. It is whole after `[DONE]`, after a finish reason, or at the proper
 * end of a body with text; a single JSON value becomes events too. If the connection breaks before that, the body fails.
 * @param onServerError Called when a successful response has an error or an event that cannot be read.
 */
export function createChatFetch(fetch: typeof globalThis.fetch, onServerError: () => void): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok || response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(readChatBody(response.body, onServerError), { status, statusText, headers });
  };
}

function readChatBody(stream: ReadableStream<Uint8Array>, onServerError: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const body: ChatBody = {
    reader: stream.getReader(),
    events: createChatEventReader(),
    decoder: new TextDecoder(),
    onServerError,
    ...{ hasOutput: false, hasFinishReason: false, deadline: undefined, isDone: false },
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (true) {
          const bytes = await readBytes(body);
          const events = bytes ? body.events.push(body.decoder.decode(bytes, { stream: true })) : body.events.end();
          let text = events.map((event) => writeEvent(body, event)).join('');
          const isEnd = bytes === undefined || body.isDone;
          if (isEnd && !body.hasFinishReason && (body.isDone || body.hasOutput)) text += FINISH;
          if (text !== '') controller.enqueue(encoder.encode(text));
          if (isEnd) {
            controller.close();
            if (bytes !== undefined) drain(body.reader).catch(() => {});
          }
          if (isEnd || text !== '') return;
        }
      },
      cancel: (reason) => body.reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** Reads the next bytes; undefined at the end, and once nothing more is needed. @throws when the connection breaks */
async function readBytes({ reader, deadline }: ChatBody): Promise<Uint8Array | undefined> {
  if (deadline === undefined) return (await reader.read()).value;
  const { promise: timeout, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()), undefined);
  try {
    const result = await Promise.race([reader.read(), timeout]);
    if (result === undefined) reader.cancel().catch(() => {});
    return result?.value;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The chunk that ends an answer whose server sent no finish reason. */
const FINISH = toText({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });

/** Returns the text of an event; empty for one that the packages do not need. */
function writeEvent(body: ChatBody, event: ChatEvent): string {
  if (body.isDone) return '';
  switch (event.type) {
    case 'chunk': {
      const reason = event.chunk.choices[0]?.finish_reason ?? null;
      body.hasOutput ||= event.hasOutput;
      body.hasFinishReason ||= reason !== null;
      const isEnd = reason !== null && !isFailureReason(reason);
      // Some servers send a finish reason with every chunk.
      if (isEnd || (event.hasOutput && body.deadline !== undefined)) body.deadline = performance.now() + END_WAIT_MS;
      return toText(event.chunk);
    }
    case 'done':
      body.isDone = true;
      return '';
    case 'error':
      if (body.deadline !== undefined && body.hasOutput) return '';
      body.onServerError();
      return toText({ error: event.error });
    case 'unreadable':
      if (body.deadline !== undefined) return '';
      body.onServerError();
      // The package reports an event that it cannot parse.
      return 'data: unreadable\n\n';
  }
}

function toText(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Reads the end of a response, so that its connection can be reused; gives up when the end does not come soon. */
async function drain(reader: BodyReader): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), END_WAIT_MS).unref();
  try {
    while (!(await reader.read()).done);
  } catch {
    // The caller has closed the connection.
  } finally {
    clearTimeout(timer);
  }
}
