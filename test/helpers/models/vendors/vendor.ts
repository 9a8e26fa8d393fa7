import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Provider } from '../../../../src/domain/providers.ts';
import type { Protocol, Refusal, VendorAnswer } from './answer.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { deepseekChat, glmChat, openChat, qwenChat } from './chat-completions.ts';
import { googleGenerate } from './google-generate.ts';
import { openaiResponses, xaiResponses } from './openai-responses.ts';

/**
 * What goes wrong with an answer, all but `silent` after its first text: `silent` sends nothing, `stuck` nothing more,
 * `ended` ends the response, `reset` breaks the connection, `garbage` sends an unreadable event, `error` an error that
 * quotes the key, `endless` the text again and again, `line` an endless line, `lines` an endless event of many lines.
 */
export type Mishap = 'silent' | 'stuck' | 'ended' | 'reset' | 'garbage' | 'error' | 'endless' | 'line' | 'lines';

/** The response to one request. */
export type Reply =
  | (VendorAnswer & {
      readonly mishap?: Mishap;
      /** The pause before each event and before the end; by default 0. */
      readonly paceMs?: number;
      /** Whether the response is sent byte by byte. */
      readonly isSliced?: boolean;
    })
  | {
      readonly refusal: Refusal;
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
  /** The client's port, which tells connections apart. */
  readonly port: number | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: it is what the test looks into.
  readonly body: any;
}

/** A fake provider on this machine. */
export interface Vendor {
  /** The base URL, as a value for the setting. */
  readonly url: string;
  /** Sets the responses to the next requests, the last for all later ones. Until then, each gets a short answer. */
  reply(...replies: readonly [Reply, ...Reply[]]): void;
  readonly requests: readonly ProviderRequest[];
  /** The number of requests whose response is still open. */
  readonly underWay: number;
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
export async function startFakeProvider(provider: Provider): Promise<Vendor> {
  const protocol = PROTOCOLS[provider];
  const requests: ProviderRequest[] = [];
  const sockets = new Set<Socket>();
  let underWay = 0;
  let replies: readonly Reply[] = [{ text: ['Hello', ' world'] }];
  const server = createServer((request, response) => {
    underWay++;
    response.on('error', () => {});
    response.on('close', () => underWay--);
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
    const [reply, ...later] = replies;
    if (later.length > 0) replies = later;
    if (reply === undefined || request.method !== 'POST' || !protocol.path.test(path)) {
      response.writeHead(404).end();
    } else if ('refusal' in reply) {
      const { status, body, headers } = protocol.refuse(reply.refusal, readKey(request.headers));
      response.writeHead(status, { 'content-type': 'application/json', ...headers, ...reply.headers });
      if (reply.isEndless) await writeOn(response, ' '.repeat(10_000));
      response.end(JSON.stringify(body));
    } else await answer(protocol, response, reply, { key: readKey(request.headers), model: readModel(path, body) });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`,
    reply(...next) {
      replies = next;
    },
    requests,
    get underWay() {
      return underWay;
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

async function answer(
  protocol: Protocol,
  response: ServerResponse,
  reply: Exclude<Reply, { refusal: Refusal }>,
  { key, model }: { key: string; model: string },
): Promise<void> {
  const { mishap, paceMs = 0, isSliced = false } = reply;
  if (mishap === 'silent') return;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const send = async (event: string) => {
    if (paceMs > 0) await wait(paceMs);
    for (const bytes of isSliced ? [...Buffer.from(event)] : [event]) await write(response, bytes);
  };
  const events = protocol.writeEvents(reply, model);
  const middle = findMiddle(events, reply);
  for (const event of mishap === undefined ? events : events.slice(0, middle + 1)) await send(event);
  const texts = events.slice(middle, middle + 1);
  switch (mishap) {
    case undefined:
    case 'ended':
      if (paceMs > 0) await wait(paceMs);
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
      await writeOn(response, texts.join(''));
      break;
    case 'line':
      await writeOn(response, `data: ${'x'.repeat(10_000)}`);
      break;
    case 'lines':
      await writeOn(response, `data: ${'x'.repeat(10_000)}\n`);
      break;
    default:
  }
}

/** The index of the event with the first text, or of the middle event if there is no text. */
function findMiddle(events: readonly string[], { text = [] }: VendorAnswer): number {
  const first = text[0] && JSON.stringify(text[0]);
  return first === undefined ? events.length >> 1 : events.findIndex((event) => event.includes(first));
}

async function writeOn(response: ServerResponse, text: string): Promise<void> {
  while (!response.closed) await write(response, text);
}

/** Writes, and waits for backpressure; yields to the event loop after each write. */
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
