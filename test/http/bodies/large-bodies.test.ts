import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createChatbot } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { openRawSocket } from '../../helpers/raw-sockets.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';

const MAX_BODY_BYTES = 262_144;
const MAX_LARGE_BODY_BYTES = 8_388_608;
const MAX_SOURCE_CHARS = 1_000_000;
const SMALL_REFUSAL = 'Request body is too large. At most 256 kB are accepted.';
const LARGE_REFUSAL = 'Request body is too large. At most 8 MB are accepted.';
const CREATE_SOURCE = `mutation ($input: CreateSourceInput!) { createSource(input: $input) {
  ... on CreateSourcePayload { source { status } } ... on Error { message }
} }`;

let gateway: TestGateway;
let chatbotId: string;
beforeEach(async () => {
  gateway = await openSharedGateway();
  chatbotId = await createChatbot(gateway);
});

const bodyOf = (text: string) =>
  JSON.stringify({ query: CREATE_SOURCE, variables: { input: { chatbotId, title: 'Long', content: { text } } } });
/** A body of a number of bytes, with a text that is too long for a source. */
const bodyOfBytes = (bytes: number) => bodyOf('x'.repeat(bytes - bodyOf('').length));
const TOO_LONG = { data: { createSource: { message: 'content.text: Must have at most 1000000 characters.' } } };

interface SendOptions {
  readonly key?: string;
  readonly form?: 'announced' | 'in chunks' | 'compressed';
}

/** Sends a body, and returns the status and the response. */
async function post(body: string, { key = gateway.key, form = 'announced' }: SendOptions = {}) {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(key && { authorization: `Bearer ${key}` }),
      ...(form === 'compressed' && { 'content-encoding': 'gzip' }),
    },
    ...(form === 'in chunks'
      ? { body: new Blob([body]).stream(), duplex: 'half' }
      : { body: form === 'compressed' ? new Uint8Array(gzipSync(body)) : body }),
  });
  return { status: response.status, ...(JSON.parse(await response.text()) as object) };
}

const refusalOf = (message: string) => ({
  status: 413,
  errors: [{ message, extensions: { code: 'PAYLOAD_TOO_LARGE' } }],
});

/** Connects without an HTTP client; `received` is everything that the gateway has sent. */
async function openConnection() {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  let text = '';
  socket.setEncoding('latin1').on('data', (more) => {
    text += more;
  });
  const waitFor = async (pattern: RegExp) => {
    while (!pattern.test(text)) await once(socket, 'data');
    return text;
  };
  return { socket, waitFor, closed: once(socket, 'close').then(() => text) };
}

const headOf = (key: string, ...headers: string[]) =>
  ['POST /graphql HTTP/1.1', 'Host: x', `X-Api-Key: ${key}`, 'Content-Type: application/json', ...headers, '', ''].join(
    '\r\n',
  );

describe('a key with MANAGE', () => {
  it('creates a source of the maximum length, in the longest JSON form, whose text is not logged', async () => {
    // Each character is six bytes of JSON. Most of these marks are left out, so that the source is read fast.
    const body = bodyOf(`Marker${'\u0301'.repeat(MAX_SOURCE_CHARS - 6)}`).replaceAll('\u0301', '\\u0301');
    expect(body.length).toBeGreaterThan(5_900_000);
    expect(await post(body)).toEqual({ status: 200, data: { createSource: { source: { status: 'DONE' } } } });
    expect(JSON.stringify(gateway.logs)).not.toContain('Marker');
  });

  it.each(['announced', 'in chunks', 'compressed'] as const)('may send 8 MB %s, and no more', async (form) => {
    expect(await post(bodyOfBytes(MAX_LARGE_BODY_BYTES), { form })).toEqual({ status: 200, ...TOO_LONG });
    expect(await post(bodyOfBytes(MAX_LARGE_BODY_BYTES + 1), { form })).toEqual(refusalOf(LARGE_REFUSAL));
  });

  it('gets 100 Continue for a large body', async () => {
    const body = bodyOfBytes(1_000_000);
    const { socket, waitFor } = await openConnection();
    socket.write(headOf(gateway.key, 'Expect: 100-continue', `Content-Length: ${body.length}`));
    expect(await waitFor(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write(body);
    expect(await waitFor(/"data"/)).toMatch(/\r\n\r\nHTTP\/1\.1 200 /);
  });

  it.each<[what: string, body: object | string, message: string]>([
    [
      'a query',
      { query: `{viewer{kind}} # ${'x'.repeat(MAX_BODY_BYTES)}` },
      'Only variables may have more than 256 kB.',
    ],
    [
      'a name of an operation',
      { query: '{viewer{kind}}', operationName: 'x'.repeat(MAX_BODY_BYTES + 1) },
      'Only variables may have more than 256 kB.',
    ],
    [
      'variables of a query',
      { query: '{viewer{kind}}', variables: { a: 'x'.repeat(MAX_BODY_BYTES) } },
      'Only mutations may have more than 256 kB.',
    ],
    ['brackets', '['.repeat(1_000_000), 'Without its texts, the body must have at most 256 kB.'],
    [
      'many short texts',
      { query: CREATE_SOURCE, variables: { a: Array(100_000).fill('\\"\\\\') } },
      'Without its texts, the body must have at most 256 kB.',
    ],
  ])('may not send %s of more than 256 kB', async (_what, body, message) => {
    expect(await post(typeof body === 'string' ? body : JSON.stringify(body))).toEqual(refusalOf(message));
  });

  it('gets a short error for a long variable of the wrong type', async () => {
    const answer = await post(JSON.stringify({ query: CREATE_SOURCE, variables: { input: 'x'.repeat(5_000_000) } }));
    expect(answer).toMatchObject({ status: 422 });
    expect(JSON.stringify(answer).length).toBeLessThan(1_000);
    expect(JSON.stringify(answer)).toContain('Expected type \\"CreateSourceInput\\" to be an object.');
  });

  it('has two large requests at the same time; a third is read when one of them ends', async () => {
    const start = async () => {
      const { socket } = await openConnection();
      socket.write(headOf(gateway.key, 'Expect: 100-continue', 'Content-Length: 1000000'));
      return socket;
    };
    const isContinued = (socket: Socket, ms: number) =>
      Promise.race([once(socket, 'data').then(([text]) => String(text).includes('100 Continue')), delay(ms, false)]);
    const first = await start();
    expect(await isContinued(first, 10_000)).toBe(true);
    expect(await isContinued(await start(), 10_000)).toBe(true);
    const third = await start();
    expect(await isContinued(third, 100)).toBe(false);
    // Another account has its own.
    const { key } = await gateway.createTenant();
    expect(await post(bodyOfBytes(MAX_BODY_BYTES + 1), { key })).toMatchObject({ status: 200 });
    first.destroy();
    expect(await isContinued(third, 10_000)).toBe(true);
  });
});

describe('any other credential', () => {
  it.each(['announced', 'in chunks', 'compressed'] as const)('may send 256 kB %s, and no more', async (form) => {
    const readKey = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const keys = [
      readKey,
      gateway.deps.keyring.sessions.open({ id: chatbotId, accountId: gateway.accountId }).token,
      '',
    ];
    for (const key of keys) {
      expect(await post(bodyOfBytes(MAX_BODY_BYTES + 1), { key, form })).toEqual(refusalOf(SMALL_REFUSAL));
    }
    expect(await post(bodyOfBytes(MAX_BODY_BYTES), { key: readKey, form })).toMatchObject({ status: 403 });
  });

  it('gets the refusal instead of 100 Continue, and an invalid one gets 401', async () => {
    for (const [key, status] of [
      [await gateway.createKey(gateway.accountId, ['READ']), 413],
      ['ic_invalid', 401],
    ] as const) {
      const { socket, closed } = await openConnection();
      socket.write(headOf(key, 'Expect: 100-continue', 'Content-Length: 1000000'));
      expect(await closed).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  });
});

it('reads the rest of a refused chunked body, so that the connection can be used again', async () => {
  const { socket, waitFor } = await openConnection();
  const chunk = `${(900_000).toString(16)}\r\n${' '.repeat(900_000)}\r\n0\r\n\r\n`;
  const key = await gateway.createKey(gateway.accountId, ['READ']);
  for (let i = 0; i < 2; i++) socket.write(`${headOf(key, 'Transfer-Encoding: chunked')}${chunk}`);
  socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(await waitFor(/ 413 .* 413 .* 200 OK/s)).toContain(SMALL_REFUSAL);
});

it('names HTTP in the refusal of a large WebSocket message', async () => {
  const socket = openRawSocket(gateway);
  await socket.init({ 'x-api-key': gateway.key });
  socket.send(bodyOfBytes(MAX_BODY_BYTES + 1));
  expect(await socket.closed).toEqual({
    code: 1009,
    reason: 'At most 256 kB; over HTTP, a key with MANAGE may send 8 MB',
  });
});
