import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createDataDir, startGatewayProcess } from '../helpers/process.ts';
import { errorCodesOf, type OperationResult, openSocket } from '../helpers/sockets.ts';

/** The limit of everything but long texts: see `bodies/large-bodies.test.ts`. */
const MAX_BODY_BYTES = 262_144;
const QUERY = '{"query":"{viewer{kind}}"}';
const ANSWER = { data: { viewer: { kind: 'API_KEY' } } };

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
// After all inputs, the gateway still runs and has logged no internal error.
afterAll(async () => {
  expect(await gateway.graphql('{viewer{kind}}')).toMatchObject({ status: 200, ...ANSWER });
  expect(gateway.logs.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  await gateway.close();
});

/** Sends a request with a key; by default a POST of JSON. */
async function request(init: RequestInit & { duplex?: 'half' }, path = '/graphql') {
  const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json', ...init.headers };
  const response = await gateway.fetch(path, { method: 'POST', ...init, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, ...(text ? (JSON.parse(text) as OperationResult) : {}) };
}

const summaryOf = (answer: OperationResult & { status: number }) => [answer.status, ...errorCodesOf(answer)];
const padQuery = (bytes: number) => QUERY + ' '.repeat(bytes - QUERY.length);
const streamOf = (text: string) => new Blob([text]).stream();

describe('a body', () => {
  it('may have 262,144 bytes, announced or in chunks', async () => {
    expect(await request({ body: padQuery(MAX_BODY_BYTES) })).toMatchObject(ANSWER);
    expect(await request({ body: streamOf(padQuery(MAX_BODY_BYTES)), duplex: 'half' })).toMatchObject(ANSWER);
  });

  it.each([MAX_BODY_BYTES + 1, 5_000_000])('of %i bytes is 413, announced or in chunks', async (bytes) => {
    const accept = { accept: 'application/json' };
    const announced = await request({ body: padQuery(bytes), headers: accept });
    const chunked = await request({ body: streamOf(padQuery(bytes)), duplex: 'half', headers: accept });
    expect([announced, chunked].map(summaryOf)).toEqual(Array(2).fill([413, 'PAYLOAD_TOO_LARGE']));
  });

  it('is measured in bytes, not in characters', async () => {
    const body = JSON.stringify({ query: `# ${'é'.repeat(MAX_BODY_BYTES / 2)}\n{viewer{kind}}` });
    expect(summaryOf(await request({ body }))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>]>([
    ['zero bytes', ''],
    ['text that is not JSON', '{viewer{kind}}'],
    ['truncated JSON', QUERY.slice(0, -1)],
    ['JSON with a second closing brace', `${QUERY}}`],
    ['a byte that is not UTF-8', new Uint8Array(Buffer.from(QUERY.replace('kind', 'kind #\xff'), 'latin1'))],
    ['a surrogate in UTF-8', new Uint8Array(Buffer.from(QUERY.replace('kind', 'kind #\xed\xa0\x80'), 'latin1'))],
    ['UTF-16', new Uint8Array(Buffer.from(QUERY, 'utf16le'))],
    ['100,000 brackets that are never closed', '['.repeat(100_000)],
  ])('of %s is 400 MALFORMED_BODY', async (_name, body) => {
    expect(summaryOf(await request({ body }))).toEqual([400, 'MALFORMED_BODY']);
  });

  it.each(['[]', `[${QUERY},${QUERY}]`])('of %s says that batching is not offered', async (body) => {
    const answer = await request({ body, headers: { accept: 'application/graphql-response+json' } });
    expect(summaryOf(answer)).toEqual([422, 'BAD_USER_INPUT']);
    expect(answer.errors?.[0]?.message).toMatch(/^Batching is not offered/);
  });

  const gzip = (text: string | Uint8Array) => new Uint8Array(gzipSync(text));
  const encoded = (encoding: string, body: Uint8Array<ArrayBuffer>, path?: string) =>
    request({ body, headers: { 'content-encoding': encoding } }, path);

  it.each(['gzip', 'GZIP', 'x-gzip', 'identity'])('may have the encoding %s', async (encoding) => {
    const body = encoding === 'identity' ? new Uint8Array(Buffer.from(QUERY)) : gzip(QUERY);
    expect(await encoded(encoding, body)).toMatchObject({ status: 200, ...ANSWER });
  });

  it('of gzip is measured before and after it is decompressed', async () => {
    expect(await encoded('gzip', gzip(padQuery(MAX_BODY_BYTES)))).toMatchObject(ANSWER);
    const tooLarge = [
      gzip(padQuery(MAX_BODY_BYTES + 1)),
      gzip(Buffer.alloc(100_000_000)),
      gzip(randomBytes(9_000_000)),
    ];
    for (const body of tooLarge) expect(summaryOf(await encoded('gzip', body))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  it.each([
    ['no gzip', new Uint8Array(Buffer.from(QUERY))],
    ['truncated gzip', gzip(QUERY).slice(0, -9)],
    ['gzip of text that is not JSON', gzip('{')],
  ])('of %s with the encoding gzip is 400 MALFORMED_BODY', async (_name, body) => {
    expect(summaryOf(await encoded('gzip', body))).toEqual([400, 'MALFORMED_BODY']);
  });

  it.each(['br', 'deflate', 'zstd', 'gzip, gzip', 'nonsense'])('with the encoding %s is 415', async (encoding) => {
    const answer = await encoded(encoding, gzip(QUERY));
    expect(summaryOf(answer)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(answer.headers.get('accept-encoding')).toBe('gzip');
    const detail = 'The Content-Encoding of a request body must be gzip, or absent.';
    expect(answer.errors?.[0]?.message).toBe(detail);
    const restAnswer = await encoded(encoding, gzip(QUERY), '/v1/webhooks');
    expect(restAnswer).toMatchObject({ status: 415, detail });
    expect(restAnswer.headers.get('accept-encoding')).toBe('gzip');
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
    'application/jsonp',
    '',
  ])('of the type %j is 415', async (type) => {
    const body = new Uint8Array(Buffer.from(QUERY));
    expect(summaryOf(await request({ body, headers: { 'content-type': type } }))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ]);
  });

  it.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json ;charset=UTF-8'])(
    'of the type %j is read',
    async (type) => {
      expect(await request({ body: QUERY, headers: { 'content-type': type } })).toMatchObject(ANSWER);
    },
  );
});

describe('the parameters of an operation', () => {
  const TWO_OPERATIONS = 'query A{viewer{kind}} query B{viewer{kind}}';
  /** JSON with `DEEP` replaced by lists nested 50,000 deep, which only string operations can build. */
  const stringifyDeep = (body: unknown) =>
    JSON.stringify(body).replace('"DEEP"', '['.repeat(50_000) + ']'.repeat(50_000));
  const NODE_BY_ID = 'query($id:ID!){node(id:$id){id}}';
  const CREATE_CHATBOT = 'mutation($input:CreateChatbotInput!){createChatbot(input:$input){__typename}}';

  it.each<[what: string, body: unknown, jsonStatus?: 200 | 400]>([
    ['no query', {}, 400],
    ['a query that is a number', { query: 1 }, 400],
    ['a query that is a list', { query: 'DEEP' }, 400],
    ['variables that are a list', { query: '{viewer{kind}}', variables: [] }, 400],
    ['variables that are a string', { query: '{viewer{kind}}', variables: '{}' }, 400],
    ['an operationName that is a number', { query: TWO_OPERATIONS, operationName: 1 }, 400],
    ['extensions that are a string', { query: '{viewer{kind}}', extensions: 'x' }, 400],
    ['a list as body', [], 400],
    ['null as body', null, 400],
    ['a number as body', 1, 400],
    ['a string as body', '{viewer{kind}}', 400],
    ['an unknown operationName', { query: TWO_OPERATIONS, operationName: 'C' }],
    ['no operationName for two operations', { query: TWO_OPERATIONS }],
    ['an empty operationName for two operations', { query: TWO_OPERATIONS, operationName: '' }],
    ['a missing variable', { query: NODE_BY_ID }],
    ['a variable that is null', { query: NODE_BY_ID, variables: { id: null } }],
    [
      'null for the condition of a directive',
      { query: 'query($s:Boolean=true){viewer @skip(if:$s){kind}}', variables: { s: null } },
    ],
    [
      'null for an argument with a default',
      {
        query: 'query($by:UsageDimension){viewer{account{usage{top(by:$by){key}}}}}',
        variables: { by: null },
      },
    ],
    ['a variable of the wrong type', { query: NODE_BY_ID, variables: { id: {} } }],
    [
      'a number that is too large',
      { query: 'query($n:Int){chatbots(first:$n){nodes{id}}}', variables: { n: 2 ** 31 } },
    ],
    ['a fraction for an integer', { query: 'query($n:Int){chatbots(first:$n){nodes{id}}}', variables: { n: 1.5 } }],
    [
      'an unknown enum value',
      {
        query: CREATE_CHATBOT.replace('Chatbot', 'ApiKey').replace('createChatbot', 'createApiKey'),
        variables: { input: { name: 'A', scopes: ['ADMIN'] } },
      },
    ],
    ['an unknown input field', { query: CREATE_CHATBOT, variables: { input: { name: 'A', colour: 'red' } } }],
    ['a missing input field', { query: CREATE_CHATBOT, variables: { input: {} } }],
    ['deeply nested lists', { query: 'query($ids:[ID!]!){nodes(ids:$ids){id}}', variables: { ids: 'DEEP' } }],
    [
      'JSON nested 50,000 deep',
      { query: CREATE_CHATBOT, variables: { input: { name: 'A', metadata: { a: 'DEEP' } } } },
    ],
  ])('with %s are BAD_USER_INPUT', async (_what, body, jsonStatus = 200) => {
    const statuses = { 'application/graphql-response+json': 422, 'application/json': jsonStatus };
    for (const [accept, status] of Object.entries(statuses)) {
      const answer = await request({ body: stringifyDeep(body), headers: { accept } });
      expect(summaryOf(answer)).toEqual([status, 'BAD_USER_INPUT']);
      expect(answer).not.toHaveProperty('data');
      expect(answer.headers.get('content-type')).toBe(`${accept}; charset=utf-8`);
    }
  });

  it.each<[what: string, body: object]>([
    ['an empty operationName', { query: 'query A{viewer{kind}}', operationName: '' }],
    ['parameters that are null', { query: '{viewer{kind}}', operationName: null, variables: null, extensions: null }],
    ['an unknown parameter', { query: '{viewer{kind}}', id: 7 }],
  ])('with %s are accepted', async (_what, body) => {
    expect(await request({ body: JSON.stringify(body) })).toMatchObject({ status: 200, ...ANSWER });
  });

  it.each([
    ['application/graphql-response+json', 294],
    ['application/json', 200],
  ])(
    'that fail for one field leave the data of the others, with Accept: %s and the status %i',
    async (accept, status) => {
      const answer = await request({
        body: JSON.stringify({ query: '{viewer{kind} chatbot{id}}' }),
        headers: { accept },
      });
      expect(summaryOf(answer)).toEqual([status, 'BAD_USER_INPUT']);
      expect(answer.data).toEqual({ viewer: { kind: 'API_KEY' }, chatbot: null });
    },
  );

  it.each([
    ['subscription{accountEvents @skip(if:true){cursor}}', {}],
    ['subscription($s:Boolean!){accountEvents @include(if:$s){cursor}}', { s: true }],
    ['subscription($s:Boolean!){...F @skip(if:$s)} fragment F on Subscription{accountEvents{cursor}}', { s: false }],
    ['subscription{...F} fragment F on Subscription{...@skip(if:true){accountEvents{cursor}}}', {}],
  ])('that leave out the field of a subscription are invalid: %s', async (query, variables) => {
    const answer = await request({ body: JSON.stringify({ query, variables }) });
    expect(answer.errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('that make a literal invalid are BAD_USER_INPUT', async () => {
    const input = '{chatbotId:"x",content:{text:$text}}';
    const query = `mutation($text:String){createSource(input:${input}){__typename}}`;
    const answer = await request({ body: JSON.stringify({ query, variables: { text: null } }) });
    expect([...summaryOf(answer), answer.data]).toEqual([200, 'BAD_USER_INPUT', null]);
  });

  it('with unused variables are accepted, however deep', async () => {
    const body = stringifyDeep({ query: '{viewer{kind}}', variables: { a: 'DEEP', constructor: 1, ['__proto__']: 2 } });
    expect(await request({ body })).toMatchObject({ status: 200, ...ANSWER });
  });

  it.each([
    '',
    '\0',
    '\0'.repeat(36),
    `019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c4\0`,
    '\ud800',
    '%00',
    '../1',
    "' OR 1=1 --",
    '9'.repeat(10_000),
  ])('with the id %j find nothing', async (id) => {
    const query = `query($id:ID!){node(id:$id){id} nodes(ids:[$id]){id} conversation(id:$id){id} byId:chatbot(id:$id){id}}`;
    const body = JSON.stringify({ query, variables: { id } });
    expect(await request({ body })).toMatchObject({
      data: { node: null, nodes: [null], conversation: null, byId: null },
    });
  });
});

describe('the method', () => {
  const path = (query: string, moreParameters = '') => `/graphql?query=${encodeURIComponent(query)}${moreParameters}`;
  const get = (url: string) => request({ method: 'GET' }, url);

  it('GET is for queries', async () => {
    expect(await get(path('{viewer{kind}}'))).toMatchObject({ status: 200, ...ANSWER });
    const variables = encodeURIComponent('{"id":"x"}');
    expect(await get(path('query($id:ID!){node(id:$id){id}}', `&variables=${variables}`))).toMatchObject({
      data: { node: null },
    });
  });

  it('GET with a mutation is 405, and changes nothing', async () => {
    const answer = await get(path('mutation{createChatbot(input:{name:"A"}){__typename}}'));
    expect([...summaryOf(answer), answer.headers.get('allow')]).toEqual([405, 'METHOD_NOT_ALLOWED', 'POST']);
    expect((await gateway.graphql('{chatbots{nodes{id}}}')).data).toEqual({ chatbots: { nodes: [] } });
  });

  it('GET with parameters that are invalid or no JSON is BAD_USER_INPUT', async () => {
    expect(summaryOf(await get(path('{viewer{kind}}', '&variables={')))).toEqual([400, 'BAD_USER_INPUT']);
    for (const url of [path(''), path('{viewer{kind}}', '&extensions=[]')]) {
      const answer = await request({ method: 'GET', headers: { accept: 'application/graphql-response+json' } }, url);
      expect(summaryOf(answer)).toEqual([422, 'BAD_USER_INPUT']);
    }
  });

  it('GET treats empty parameters as absent', async () => {
    const answer = await get(path('query A{viewer{kind}}', '&operationName=&variables=&extensions='));
    expect(answer).toMatchObject({ status: 200, ...ANSWER });
  });

  it.each(['DELETE', 'PATCH'])('%s is 405', async (method) => {
    const answer = await request({ method });
    expect(summaryOf(answer)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(answer.headers.get('allow')).toBe('GET, POST, PUT, DELETE');
  });
});

describe('a connection', () => {
  const UPGRADE =
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n';

  /** Sends raw bytes, and returns everything that the gateway sends before it closes the connection. */
  async function sendBytes(...pieces: (string | Uint8Array)[]): Promise<string> {
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    socket.on('error', () => {});
    for (const piece of pieces) socket.write(piece);
    await once(socket, 'close');
    return received;
  }

  it.each<[string, string | Uint8Array]>([
    ['random bytes', Uint8Array.from({ length: 2_000 }, (_, i) => (i * 7_919) % 256)],
    ['TLS', new Uint8Array(Buffer.from('16030100f4010000f00303', 'hex'))],
    ['text that is not HTTP', 'HELLO\r\n\r\n'],
    [
      'two different Content-Length headers',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345',
    ],
    [
      'Content-Length and Transfer-Encoding',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    ],
    ['a header with a NUL', 'GET /graphql HTTP/1.1\r\nHost: x\r\nX-Api-Key: a\0b\r\n\r\n'],
    ['HTTP/0.9', 'GET /health\r\n\r\n'],
    ['HTTP/0.9 by its number', 'GET /health HTTP/0.9\r\n\r\n'],
    ['HTTP/2.0', 'GET /health HTTP/2.0\r\nHost: x\r\n\r\n'],
    ['no Host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /health HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n'],
    ['the same Host twice', 'GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nHost: x\r\n\r\n'],
    ...['x/y', 'x y', 'x,y', 'u@x', '%', 'x:99999', '[::', '1.2.3.4.5'].map(
      (host) => [`the Host ${host}`, `GET /graphql HTTP/1.1\r\nHost: ${host}\r\n\r\n`] as [string, string],
    ),
    ['two Hosts at an upgrade', `GET /graphql HTTP/1.1\r\nHost: x\r\nHost: y\r\n${UPGRADE}\r\n`],
  ])('with %s gets a 400 and is closed', async (_name, bytes) => {
    expect(await sendBytes(bytes)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(['x', 'shop.example:8080', '127.0.0.1', '[::1]:4000', ''])('may have the Host %j', async (host) => {
    const answer = await sendBytes(`GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('of HTTP/1.0 needs no Host', async () => {
    expect(await sendBytes('GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(['h2c', 'h2c, websocket', 'TLS/1.0', 'x'])(
    'that offers an upgrade to %s gets its response without one',
    async (upgrade) => {
      const answer = await sendBytes(
        `POST /graphql HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${gateway.key}\r\nContent-Type: application/json\r\n` +
          `Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n` +
          `Content-Length: ${QUERY.length}\r\n\r\n${QUERY}`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toContain(JSON.stringify(ANSWER));
    },
  );

  const expectContinue = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: ${gateway.key}\r\nContent-Type: application/json\r\n` +
    `Accept: application/graphql-response+json\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n`;

  it.each([
    ['/graphql', 8_388_609, '"code":"PAYLOAD_TOO_LARGE"'],
    ['/v1/webhooks', MAX_BODY_BYTES + 1, '{"detail":"Request body is too large. At most 256 kB are accepted."}'],
  ])(
    'that expects 100 Continue for a body above the limit gets a 413 at once from %s, and is closed',
    async (path, bytes, body) => {
      const answer = await sendBytes(`${expectContinue(path, bytes)}\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain(body);
    },
  );

  it('that expects 100 Continue for another body gets it, and then the response', async () => {
    const answer = await sendBytes(`${expectContinue('/graphql', QUERY.length)}Connection: close\r\n\r\n`, QUERY);
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(answer).toContain(JSON.stringify(ANSWER));
  });

  it('with headers of more than 16 kB gets a 431 and is closed', async () => {
    expect(await sendBytes(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it('with headers that never end is closed after 10 seconds', { timeout: 20_000 }, async () => {
    const startedAt = performance.now();
    expect(await sendBytes('GET /graphql HTTP/1.1\r\nHost: x\r\n')).toMatch(/^(HTTP\/1\.1 408 |$)/);
    expect(performance.now() - startedAt).toBeGreaterThan(9_000);
    expect(performance.now() - startedAt).toBeLessThan(13_000);
  });
});

describe('a WebSocket', () => {
  async function sendFrames(...frames: (string | Uint8Array)[]): Promise<number> {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    socket.on('error', () => {});
    await once(socket, 'open');
    for (const frame of frames) socket.send(frame);
    const [code] = await once(socket, 'close');
    return code as number;
  }
  const init = JSON.stringify({ type: 'connection_init', payload: {} });
  const subscribe = (payload: unknown) => JSON.stringify({ type: 'subscribe', id: '1', payload });

  it.each<[string, string | Uint8Array, number]>([
    ['text that is not JSON', '{', 4400],
    ['an unknown message type', '{"type":"hello"}', 4400],
    ['a message that is a list', '[]', 4400],
    ['a batch', subscribe([{ query: '{__typename}' }]), 4400],
    ['a query that is not a string', subscribe({ query: 1 }), 4400],
    ['variables that are a list', subscribe({ query: '{__typename}', variables: [] }), 4400],
    ['a binary frame', Uint8Array.from([0, 255, 254]), 4400],
    ['a second init', init, 4429],
    ['a message of more than 262,144 bytes', ' '.repeat(MAX_BODY_BYTES + 1), 1009],
  ])('is closed for %s', async (_name, frame, code) => {
    expect(await sendFrames(init, frame)).toBe(code);
  });

  it('is closed with 4401 for an operation before its init', async () => {
    expect(await sendFrames(subscribe({ query: '{__typename}' }))).toBe(4401);
  });

  it('receives BAD_USER_INPUT for invalid variables and operations', async () => {
    const socket = openSocket(gateway, { 'x-api-key': gateway.key });
    expect(errorCodesOf(await socket.execute('query($id:ID!){node(id:$id){id}}'))).toEqual(['BAD_USER_INPUT']);
    expect(errorCodesOf(await socket.execute('query A{__typename} query B{__typename}'))).toEqual(['BAD_USER_INPUT']);
    expect(await socket.execute('{node(id:"\\u0000"){id}}')).toEqual({ data: { node: null } });
    socket.close();
  });
});

describe('a gateway that has just started', () => {
  it('rejects a first query of 1,900 nested braces with a client error', async () => {
    const { url, key, stderr } = await startGatewayProcess({
      env: { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' },
    });
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', 'x-api-key': key },
      body: JSON.stringify({ query: '{a'.repeat(1_900) + '}'.repeat(1_900) }),
    });
    expect([response.status, ...errorCodesOf((await response.json()) as OperationResult)]).toEqual([
      422,
      'QUERY_TOO_COMPLEX',
    ]);
    expect(stderr).not.toMatch(/"level":[56]0/);
  });
});
