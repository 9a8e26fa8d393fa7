/**
 * The baseline of models: reads the stream of the fake provider line by line, parses each line, and collects the
 * text. Each request reads one stream. Its response has an empty event at the start of the stream, and one event with
 * the whole text at its end.
 *
 * `PROVIDER_URL=… node bench/model-baseline.ts`
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const PROVIDER_URL = process.env.PROVIDER_URL ?? '';

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
  const { body } = await fetch(`${PROVIDER_URL}/chat/completions`, { method: 'POST', body: '{}' });
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
