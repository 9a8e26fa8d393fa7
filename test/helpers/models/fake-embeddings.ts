import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A received request. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
  readonly headers: IncomingHttpHeaders;
}

/** Responds to a request instead of the server; `vectors` are those that the server would send. */
export type EmbeddingResponder = (response: ServerResponse, vectors: number[][], request: EmbeddingRequest) => void;

/** A server on this machine that speaks OpenAI's protocol for embeddings. */
export interface FakeEmbeddings {
  /** The value for `EMBEDDINGS_BASE_URL`. */
  readonly url: string;
  readonly requests: readonly EmbeddingRequest[];
  /** Replaces the responses to all later requests; absent: the server works again. */
  respondWith(responder?: EmbeddingResponder): void;
}

/** The length of the vectors. */
export const DIMENSIONS = 128;

/** Words that mean the same; the first one stands for all. */
const SYNONYMS: readonly (readonly string[])[] = [
  ['refund', 'refunds', 'reimbursement', 'reimbursed'],
  ['parcel', 'parcels', 'package', 'packages'],
  ['price', 'cost', 'costs'],
  ['bicycle', 'bicycles', 'bike', 'bikes'],
];
const canonical = new Map(SYNONYMS.flatMap(([first = '', ...others]) => others.map((word) => [word, first])));

/** Embeds a text without a model: each word of at least four letters, or what it means, points in a direction of its own. */
export function embedText(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const word of text.toLowerCase().match(/\p{L}{4,}/gu) ?? []) {
    let hash = 2_166_136_261;
    for (const char of canonical.get(word) ?? word) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619);
    for (const shift of [0, 7, 14, 21]) {
      const index = (hash >>> shift) % DIMENSIONS;
      vector[index] = (vector[index] ?? 0) + (shift % 2 === 0 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((number) => number / length);
}

/** Sends vectors as the protocol does. */
export function sendVectors(response: ServerResponse, vectors: readonly (readonly number[])[]): void {
  const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ object: 'list', data, usage: { prompt_tokens: 1, total_tokens: 1 } }));
}

/** Sends an error as the protocol does. */
export function sendError(response: ServerResponse, status: number, message: string, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, type: 'error', code: null } }));
}

/** Starts a server with a toy encoder; it stops at the end of the test. */
export async function startFakeEmbeddings(): Promise<FakeEmbeddings> {
  const requests: EmbeddingRequest[] = [];
  let respond: EmbeddingResponder = sendVectors;
  const server = createServer(async (request, response) => {
    response.on('error', () => {});
    const body = JSON.parse(String(Buffer.concat(await request.toArray())));
    const received = { model: body.model, input: body.input, headers: request.headers };
    requests.push(received);
    if (request.method !== 'POST' || request.url !== '/v1/embeddings') response.writeHead(404).end();
    else respond(response, received.input.map(embedText), received);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    respondWith(responder = sendVectors) {
      respond = responder;
    },
  };
}
