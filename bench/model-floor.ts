/**
 * The floor for models: reads the stream of the simulated provider line by line, parses each line, and collects the
 * text. Each request reads one stream. Its response has an empty event when the stream is open, and at its end one
 * event with all of its text.
 *
 * `VENDOR_URL=… node bench/model-floor.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const VENDOR_URL = process.env.VENDOR_URL ?? '';

async function* readDeltas(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let incomplete = '';
  for await (const chunk of body) {
    const lines = (incomplete + decoder.decode(chunk, { stream: true })).split('\n');
    incomplete = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length)).choices[0].delta.content ?? '';
    }
  }
}

const server = createServer(async (_request, response) => {
  const sendEvent = (text: string) => response.write(`data: ${JSON.stringify({ offset: 0, text })}\n\n`);
  const { body } = await fetch(`${VENDOR_URL}/chat/completions`, { method: 'POST', body: '{}' });
  let content = '';
  let isOpen = false;
  for await (const text of readDeltas(body as unknown as AsyncIterable<Uint8Array>)) {
    if (!isOpen) sendEvent('');
    isOpen = true;
    content += text;
  }
  sendEvent(content);
  response.end();
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
