import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Provider } from '../../../../src/domain/providers.ts';
import type { Protocol, ProviderAnswer, RefusalReason } from './answer.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { deepseekChat, glmChat, openChat, qwenChat } from './chat-completions.ts';
import { googleGenerate } from './google-generate.ts';
import { openaiResponses, xaiResponses } from './openai-responses.ts';

/**
 * A fault in a streamed answer. `silent` sends nothing at all. The others send the first text, and then: `stuck` sends
 * nothing more, `ended` ends the response, `reset` resets the connection, `garbage` sends an unreadable event, `error`
 * sends an error that quotes the key, `endless` repeats the text forever, `endless-line` sends a line without an end,
 * `endless-event` sends an event with an unlimited number of lines.
 */
export type StreamFault =
  | 'silent'
  | 'stuck'
  | 'ended'
  | 'reset'
  | 'garbage'
  | 'error'
  | 'endless'
  | 'endless-line'
  | 'endless-event';

/** The response to one request. */
export type ProviderResponse =
  | (ProviderAnswer & {
      readonly fault?: StreamFault;
      /** The pause before each event and before the end; by default 0. */
      readonly delayMs?: number;
      /** Whether the response is sent byte by byte. */
      readonly isSliced?: boolean;
    })
  | {
      readonly refusal: RefusalReason;
      /** Whether the body never ends. */
      readonly isEndless?: boolean;
      /** Headers in addition to the provider's own. */
      readonly headers?: Readonly<Record<string, string>>;
    };

/** A received request. */
export interface ProviderRequest {
  /** The path relative to the base URL, with the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The client's port, which identifies the connection. */
  readonly port: number | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: each provider has its own format, which tests inspect.
  readonly body: any;
}

/** A fake provider on this machine. */
export interface FakeProvider {
  /** The base URL, as a value for the provider's setting `…_BASE_URL`. */
  readonly url: string;
  /** Sets the responses to the next requests; the last response is repeated. The default is a short answer. */
  respondWith(...responses: readonly [ProviderResponse, ...ProviderResponse[]]): void;
  readonly requests: readonly ProviderRequest[];
  /** The number of requests whose response is still open. */
  readonly openResponses: number;
  /** The number of open connections. */
  readonly openSockets: number;
  /** Stops the server and closes its connections. */
  close(): Promise<void>;
}

const PROTOCOLS: Readonly<Record<Provider, Protocol>> = {
  openai: openaiResponses,
  anthropic: anthropicMessages,
  google: googleGenerate,
  xai: xaiResponses,
  deepseek: deepseekChat,
  qwen: qwenChat,
  glm: glmChat,
  open: openChat,
};
const BASE = '/v1';

/** Starts a fake provider. It does not depend on the test runner, so the caller must close it. */
export async function startFakeProvider(provider: Provider): Promise<FakeProvider> {
  const protocol = PROTOCOLS[provider];
  const requests: ProviderRequest[] = [];
  const sockets = new Set<Socket>();
  let openResponses = 0;
  let nextResponses: readonly ProviderResponse[] = [{ text: ['Hello', ' world'] }];
  const server = createServer((request, response) => {
    openResponses++;
    response.on('error', () => {});
    response.on('close', () => openResponses--);
    serve(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket.setNoDelay());
    socket.on('close', () => sockets.delete(socket));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(BASE, '');
    const chunks: Buffer[] = await request.toArray();
    const body = JSON.parse(String(Buffer.concat(chunks)) || 'null');
    requests.push({ path, headers: request.headers, port: request.socket.remotePort, body });
    const [planned, ...later] = nextResponses;
    if (later.length > 0) nextResponses = later;
    if (planned === undefined || request.method !== 'POST' || !protocol.path.test(path)) {
      response.writeHead(404).end();
    } else if ('refusal' in planned) {
      const { status, body, headers } = protocol.refuse(planned.refusal, readKey(request.headers));
      response.writeHead(status, { 'content-type': 'application/json', ...headers, ...planned.headers });
      if (planned.isEndless) await writeUntilClosed(response, ' '.repeat(10_000));
      response.end(JSON.stringify(body));
    } else
      await streamAnswer(protocol, response, planned, { key: readKey(request.headers), model: readModel(path, body) });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`,
    respondWith(...responses) {
      nextResponses = responses;
    },
    requests,
    get openResponses() {
      return openResponses;
    },
    get openSockets() {
      return sockets.size;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function streamAnswer(
  protocol: Protocol,
  response: ServerResponse,
  answer: Exclude<ProviderResponse, { refusal: RefusalReason }>,
  { key, model }: { key: string; model: string },
): Promise<void> {
  const { fault, delayMs = 0, isSliced = false } = answer;
  if (fault === 'silent') return;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const send = async (event: string) => {
    if (delayMs > 0) await wait(delayMs);
    for (const bytes of isSliced ? [...Buffer.from(event)] : [event]) await write(response, bytes);
  };
  const events = protocol.writeEvents(answer, model);
  const faultIndex = findFaultIndex(events, answer);
  for (const event of fault === undefined ? events : events.slice(0, faultIndex + 1)) await send(event);
  const repeated = events.slice(faultIndex, faultIndex + 1);
  switch (fault) {
    case undefined:
    case 'ended':
      if (delayMs > 0) await wait(delayMs);
      response.end();
      break;
    case 'reset':
      response.socket?.resetAndDestroy();
      break;
    case 'garbage':
      await send('data: {"choices": [{"delta": {"content": "unre\n\n');
      await send('data: <html>\n\n');
      response.end();
      break;
    case 'error':
      await send(protocol.writeError(`The upstream refused Authorization: Bearer ${key} (${btoa(key)}), key=${key}`));
      response.end();
      break;
    case 'endless':
      await writeUntilClosed(response, repeated.join(''));
      break;
    case 'endless-line':
      await writeUntilClosed(response, `data: ${'x'.repeat(10_000)}`);
      break;
    case 'endless-event':
      await writeUntilClosed(response, `data: ${'x'.repeat(10_000)}\n`);
      break;
    default:
  }
}

/** The index of the event with the first text, or of the middle event if there is no text. */
function findFaultIndex(events: readonly string[], { text = [] }: ProviderAnswer): number {
  const first = text[0] && JSON.stringify(text[0]);
  return first === undefined ? events.length >> 1 : events.findIndex((event) => event.includes(first));
}

async function writeUntilClosed(response: ServerResponse, text: string): Promise<void> {
  while (!response.closed) await write(response, text);
}

/** Writes, and waits until the response accepts more data; yields to the event loop after each write. */
async function write(response: ServerResponse, data: string | number): Promise<void> {
  const bytes = typeof data === 'number' ? Buffer.of(data) : data;
  if (!response.write(bytes) && !response.closed)
    await Promise.race([once(response, 'drain'), once(response, 'close')]);
  else await new Promise(setImmediate);
}

function readKey({ authorization, 'x-api-key': key, 'x-goog-api-key': googleKey }: IncomingHttpHeaders): string {
  return String(key ?? googleKey ?? authorization?.replace('Bearer ', '') ?? '');
}

function readModel(path: string, body: { model?: string } | null): string {
  return body?.model ?? /models\/([^:]+)/.exec(path)?.[1] ?? '';
}
