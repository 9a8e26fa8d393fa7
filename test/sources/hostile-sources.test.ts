import { setTimeout } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createSourceReader } from '../../src/sources/source-reader.ts';
import { createSource } from '../../src/sources/sources.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { readMessage, webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

/** The time limit for a health response, which takes less than a tenth of this on an idle machine. */
const MAX_HEALTH_MS = 10_000;
const POLL_MS = 20;

async function openGateway(options: Parameters<typeof startGateway>[0] = {}): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Requests `/health` repeatedly until `work` ends; returns the result of `work`. */
async function whileHealthy<T>({ fetch }: TestGateway, work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  end.catch(() => {});
  while (!isOver) {
    const response = await fetch('/health', { signal: AbortSignal.timeout(MAX_HEALTH_MS) });
    expect(response.status).toBe(200);
    await setTimeout(POLL_MS);
  }
  return end;
}

interface CreateResult {
  readonly source: { id: string; status: string; error: string | null; passages: { nodes: { text: string }[] } };
}

const SELECTION = 'source { id status error passages(first: 2) { nodes { text } } }';

const create = (gateway: TestGateway, chatbotId: string, content: object) =>
  mutate<CreateResult>(
    gateway,
    'createSource',
    { chatbotId, title: 'About a thing', content },
    { selection: SELECTION },
  );

async function ask(gateway: TestGateway, chatbotId: string, content: string) {
  const { replyId } = await send(gateway, { chatbotId, content });
  await webSocket.subscribe(gateway, { messageId: replyId }).ended;
  return readMessage(gateway, replyId);
}

const repeatToLength = (unit: string, length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);

/** Texts that a source or question repeats. */
const UNITS = ['-', '|', '.', '_', '*', '[', '[1]', '|a|\n|-|\n', '- a:\n  ', ' ', '\n', '> ', '\u0301', '👩\u200d'];

it('answers from a source that repeats any text up to 20,000 characters, and serves other requests meanwhile', {
  timeout: 120_000,
}, async () => {
  const gateway = await openGateway();
  for (const unit of UNITS) {
    const chatbotId = await createChatbot(gateway);
    const answer = repeatToLength(unit, 19_900).toWellFormed();
    const qa = { question: 'What is a thing?', answer: `A thing ${answer} end.` };
    const reply = await whileHealthy(
      gateway,
      create(gateway, chatbotId, { qa }).then(({ source }) => {
        expect(source).toMatchObject({ status: 'DONE', error: null });
        return ask(gateway, chatbotId, 'What is a thing?');
      }),
    );
    expect(reply, unit).toMatchObject({ status: 'COMPLETED', error: null });
  }
});

const LARGE_SOURCE_UNITS = ['-', 'a ', 'a\n', '中'];

it('reads a source of 1 MB while it serves other requests, and then answers from it', {
  timeout: 240_000,
}, async () => {
  const gateway = await openGateway();
  for (const unit of LARGE_SOURCE_UNITS) {
    const chatbotId = await createChatbot(gateway);
    const text = `A thing is what it is.\n\n${repeatToLength(unit, 990_000)}`.toWellFormed();
    const reply = await whileHealthy(
      gateway,
      createSource(gateway.deps, gateway, { chatbotId, content: { text } }).then((source) => {
        expect(source, unit).toMatchObject({ status: 'DONE', error: null });
        return ask(gateway, chatbotId, 'What is a thing?');
      }),
    );
    expect(reply, unit).toMatchObject({ status: 'COMPLETED', error: null });
  }
});

it('answers a question that repeats any text up to 100,000 characters', { timeout: 120_000 }, async () => {
  const gateway = await openGateway({ env: { MAX_MESSAGE_CHARS: '100000' } });
  const chatbotId = await createChatbot(gateway, { sources: ['A thing is what it is.'] });
  for (const unit of UNITS.filter((text) => text.trim() !== '')) {
    const content = repeatToLength(`What is a thing? ${unit}`, 100_000).toWellFormed();
    expect(await whileHealthy(gateway, ask(gateway, chatbotId, content)), unit).toMatchObject({ status: 'COMPLETED' });
  }
});

const ENDPOINT = { url: 'https://receiver.example/', events: ['SOURCE_FAILED', 'SOURCE_DONE'] };

it('marks a source that takes too long to read as FAILED with a public reason, and stores no passage of it', async () => {
  const sourceReader = createSourceReader({ timeoutMs: 1, maxHeapMb: 256 });
  const gateway = await openGateway({ overrides: { sourceReader }, env: { SECRET_KEY: '0'.repeat(64) } });
  await mutate(gateway, 'createWebhookSubscription', ENDPOINT);
  const chatbotId = await createChatbot(gateway);
  const { source } = await create(gateway, chatbotId, { text: repeatToLength('a ', 200_000) });
  const error = 'The text took too long to read.';
  expect(source).toEqual({ id: source.id, status: 'FAILED', error, passages: { nodes: [] } });

  const { data } = await gateway.graphql<{ chatbot: object; webhookEvents: object }>(
    `query ($chatbotId: ID!) { chatbot(id: $chatbotId) { sources(filter: { statuses: [FAILED] }) { nodes { id title pageCount } } } }`,
    { chatbotId },
  );
  expect(data.chatbot).toEqual({ sources: { nodes: [{ id: source.id, title: 'About a thing', pageCount: 0 }] } });
  const events = await gateway.deps.db.read.selectFrom('webhook_events').select(['name', 'data']).execute();
  expect(events.map(({ name, data }) => ({ name, data: JSON.parse(data) }))).toEqual([
    { name: 'SOURCE_FAILED', data: { source_id: source.id, title: 'About a thing', type: 'text', error } },
  ]);

  const short = await create(gateway, chatbotId, { text: 'A thing is short.' });
  expect(short.source).toMatchObject({ status: 'DONE', passages: { nodes: [{ text: 'A thing is short.' }] } });
});

it('terminates a thread that uses too much memory, and reads the next source', async () => {
  const tight = createSourceReader({ timeoutMs: 60_000, maxHeapMb: 4 });
  const text = Array.from({ length: 160_000 }, (_, number) => number.toString(36)).join(' ');
  expect((await tight.read({ content: { text } })).failure).toBe('The text took too much memory to read.');
  expect(await tight.read({ content: { text: 'short' } })).toMatchObject({ title: 'short', failure: null });
});

it.each([
  [
    'many sections with long headings',
    `# ${'h'.repeat(190)}\n## ${'h'.repeat(190)}\n${'### a\nb\n'.repeat(100_000)}`,
    'long headings',
  ],
  ['too many words', 'ﷺ '.repeat(480_000), 'too many words'],
])('fails to read a source with %s', async (_what, text, reason) => {
  const reader = createSourceReader();
  expect(await reader.read({ content: { text } })).toMatchObject({
    passages: [],
    failure: expect.stringMatching(reason),
  });
});
