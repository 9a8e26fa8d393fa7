import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kind, parse, print } from 'graphql';
import { describe, expect, it } from 'vitest';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { buildExample, exampleFolder, serveExample } from '../helpers/clients/examples.ts';
import { startProxy } from '../helpers/clients/tcp-proxy.ts';
import { citationEvent } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { delta, finish } from '../helpers/models/engines.ts';
import { openSharedScriptedGateway } from '../helpers/shared-gateway.ts';

const WAIT = { timeout: 20_000 };
/** The guides, and where each has the operations that its sessions may run; undefined: those of the gateway. */
const GUIDES = [
  ['plain-typescript', undefined],
  ['react-apollo', 'manifest.ts'],
  ['react-urql', 'manifest.ts'],
  ['react-relay', 'operations.json'],
] as const;
const MAX_LINES = 80;

/** The manifest of a guide: a file, or the output of a program. */
async function readManifest(guide: string, file: string): Promise<Record<string, string>> {
  const path = join(exampleFolder(guide), file);
  const text = file.endsWith('.json')
    ? readFileSync(path, 'utf8')
    : (await promisify(execFile)(process.execPath, [path])).stdout;
  return JSON.parse(text);
}

/** Creates a public chatbot that pages of an origin may use, with the operations of a guide. */
async function createPublicChatbot(gateway: TestGateway, origin: string, manifest: Record<string, string> | undefined) {
  const run = async (name: string, input: object) => {
    const type = name.charAt(0).toUpperCase() + name.slice(1);
    const { data } = await gateway.graphql<{ result: { __typename: string } }>(
      `mutation ($input: ${type}Input!) { result: ${name}(input: $input) { __typename ... on Error { message } } }`,
      { input },
    );
    expect(data.result).toEqual({ __typename: `${type}Payload` });
  };
  const id = await createChatbot(gateway);
  if (manifest !== undefined) {
    const documents = Object.entries(manifest).map(([documentId, document]) => ({ documentId, document }));
    await run('pushOperations', { name: 'web', documents });
  }
  const sessionOperations = manifest === undefined ? null : 'web';
  await run('updateChatbot', { id, isPublic: true, allowedOrigins: [origin], sessionOperations });
  return id;
}

/** Opens a guide in a browser. Only the address of the gateway and the id of the chatbot are replaced. */
async function openGuide(guide: string, manifestFile: string | undefined) {
  const { gateway, engine } = await openSharedScriptedGateway();
  const proxy = await startProxy(new URL(gateway.url));
  const { promise: chatbotId, resolve } = Promise.withResolvers<string>();
  const files = buildExample(guide);
  const origin = await serveExample(files, async (content) =>
    content
      .replace('http://127.0.0.1:4000', `http://127.0.0.1:${proxy.port}`)
      .replace('01900000-0000-7000-8000-000000000003', await chatbotId),
  );
  const manifest = manifestFile === undefined ? undefined : await readManifest(guide, manifestFile);
  resolve(await createPublicChatbot(gateway, origin, manifest));
  const { page, problems } = await openBrowser();
  await page.goto(origin);
  const items = page.getByRole('list', { name: 'Messages' }).getByRole('listitem');
  return {
    gateway,
    engine,
    page,
    files,
    problems,
    cut: proxy.disconnect,
    async send(text: string): Promise<void> {
      await page.getByLabel('Your message').fill(text);
      await page.getByRole('button', { name: 'Send' }).click();
    },
    sees: (...texts: readonly string[]) => expect.poll(() => items.allTextContents(), WAIT).toEqual(texts),
  };
}

describe.skipIf(browserPath === undefined)('the guides for front ends (need Chromium: CHROMIUM_PATH)', () => {
  it.each(GUIDES)('%s runs from another origin, without a key and across cuts', async (guide, manifestFile) => {
    const { gateway, engine, page, files, problems, cut, send, sees } = await openGuide(guide, manifestFile);
    await send('Hello');
    await sees('user Hello', 'assistant ');
    engine.push(delta('One. '), citationEvent('Source', 4));
    await sees('user Hello', 'assistant One. Source');
    let reply = 'One. ';
    let sources = 'Source';
    for (const word of ['Two', 'Three', 'Four']) {
      cut();
      engine.push(delta(`${word}. `), citationEvent(word, reply.length));
      reply += `${word}. `;
      sources += word;
      await sees('user Hello', `assistant ${reply}${sources}`);
    }
    engine.push(finish);
    await send('And now?');
    await sees('user Hello', `assistant ${reply}${sources}`, 'user And now?', 'assistant ');
    engine.push(delta('Now.'), finish);
    await sees('user Hello', `assistant ${reply}${sources}`, 'user And now?', 'assistant Now.');
    expect(problems.filter((problem) => !/WebSocket|net::ERR/.test(problem))).toEqual([]);
    const served = [...(await files).values(), await page.content()].join();
    expect(served).not.toContain(gateway.key);
    expect(served).not.toMatch(/\bic_\w{8}/);
  });
});

it.each(GUIDES)(`%s has fewer than ${MAX_LINES} lines of its own in each file`, (guide) => {
  const written = globSync('*.{ts,tsx,html}', { cwd: exampleFolder(guide), exclude: ['documents.ts'] });
  const counts = written.map((file) => [
    file,
    readFileSync(join(exampleFolder(guide), file), 'utf8').split('\n').length,
  ]);
  expect(counts.length).toBeGreaterThan(1);
  expect(counts.filter(([, count]) => Number(count) > MAX_LINES)).toEqual([]);
});

it('react-relay has the output of its compiler up to date', () => {
  const folder = exampleFolder('react-relay');
  const code = readFileSync(join(folder, 'operations.ts'), 'utf8');
  const documents = [...code.matchAll(/graphql`([^`]*)`/g)].map(([, text = '']) => parse(text).definitions[0]);
  expect(documents).toHaveLength(3);
  for (const document of documents) {
    if (document?.kind !== Kind.OPERATION_DEFINITION) throw new Error('Not an operation.');
    const artifact = readFileSync(join(folder, `__generated__/${document.name?.value}.graphql.ts`), 'utf8');
    const [, hash] = /\.hash = "(\w+)"/.exec(artifact) ?? [];
    expect(hash).toBe(createHash('md5').update(print(document)).digest('hex'));
  }
});
