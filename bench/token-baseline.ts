/**
 * The baselines of streaming: bare node:http that writes each token as a server-sent event (`/`), and graphql-ws over
 * bare graphql-js (`/graphql`). They have no keys, limits, metrics or log. `/start?<token rate as JSON>` starts
 * the streams.
 *
 * `node bench/token-baseline.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { createTokenGenerator, iterateTokens } from './token-generator.ts';

const generator = createTokenGenerator();

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://baseline');
  if (pathname === '/start') {
    generator.start(JSON.parse(decodeURIComponent(search.slice(1))));
    response.end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  let offset = 0;
  const sendEvent = (text: string) => {
    response.write(`data: ${JSON.stringify({ offset, text })}\n\n`);
    offset += text.length;
  };
  sendEvent('');
  generator.addStream(sendEvent, () => response.end());
});

async function* tokens() {
  let offset = 0;
  yield { tokens: { offset, text: '' } };
  for await (const text of iterateTokens(generator, (token) => token)) {
    yield { tokens: { offset, text } };
    offset += text.length;
  }
}

const schema = buildSchema(`
  type Query { isUp: Boolean }
  type Subscription { tokens: Delta! }
  type Delta { offset: Int!  text: String! }
`);
useServer(
  { schema, roots: { subscription: { tokens } } },
  new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false }),
);
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
