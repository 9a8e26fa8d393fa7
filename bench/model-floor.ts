/**
 * The floor of models: reads the stream of the stand-in for a provider line by line, parses each, and keeps the text.
 * Whoever asks for `/` has one stream read, is told that it is open, and at its end all of its text as one.
 *
 * `VENDOR_URL=… node bench/model-floor.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const VENDOR_URL = process.env.VENDOR_URL ?? '';

async function* readDeltas(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length)).choices[0].delta.content ?? '';
    }
  }
}

const server = createServer(async (_request, response) => {
  const give = (text: string) => response.write(`data: ${JSON.stringify({ offset: 0, text })}\n\n`);
  const { body } = await fetch(`${VENDOR_URL}/chat/completions`, { method: 'POST', body: '{}' });
  let content = '';
  let isOpen = false;
  for await (const text of readDeltas(body as unknown as AsyncIterable<Uint8Array>)) {
    if (!isOpen) give('');
    isOpen = true;
    content += text;
  }
  give(content);
  response.end();
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
