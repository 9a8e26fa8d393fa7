/**
 * A fake provider with OpenAI's chat protocol: every request opens a stream, and `/start?<token rate as JSON>`
 * starts the streams. Each token is a separate event, which consists mostly of the metadata that providers send.
 *
 * `node bench/fake-provider.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTokenGenerator } from './token-generator.ts';

const generator = createTokenGenerator();
const METADATA = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_790_000_000, model: 'bench' };

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://provider');
  if (pathname === '/start') {
    generator.start(JSON.parse(decodeURIComponent(search.slice(1))));
    response.end();
    return;
  }
  request.resume();
  response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  const sendFrame = (delta: object, finish_reason: string | null = null) => {
    const choices = [{ index: 0, delta, finish_reason }];
    response.write(`data: ${JSON.stringify({ ...METADATA, choices })}\n\n`);
  };
  sendFrame({ role: 'assistant', content: '' });
  generator.addStream(
    (content) => sendFrame({ content }),
    () => {
      sendFrame({}, 'stop');
      response.end('data: [DONE]\n\n');
    },
  );
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
