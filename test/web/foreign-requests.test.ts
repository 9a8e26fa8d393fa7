import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { send } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { createVisitor, linkOf } from './chat/support.ts';

/** Longer than the delay after which GraphiQL's editor (Monaco) previews a hovered URL. */
const HOVER_MS = 1_500;

/** Starts a server that must receive no requests, and records those that it receives. */
async function startForeignHost() {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }).end();
  });
  server.on('connection', () => received.push('connection'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** Texts that look like URLs of images on a host. */
const urlLikeTexts = (host: string) => [
  `///${host}/a.png`,
  `//${host}/b.svg`,
  `http://${host}/c.png`,
  `/\\${host}/d.jpeg`,
  `/${host}/../..//${host}/e.gif`,
  `"//${host}/f.webp"`,
  // These URLs have no port, because in the editor a word ends at a colon.
  '///evil.example/x.png',
  '//evil.example/y.svg',
];

/** Starts a gateway with the demo account, and opens an empty page whose requests to other hosts are recorded. */
async function openRecordedPage() {
  const engine = createScriptedEngine();
  const foreignHost = await startForeignHost();
  const gateway = await startGateway({
    env: { SEED_DEMO: 'true' },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  const row = await gateway.deps.db.read.selectFrom('chatbots').select('account_id').executeTakeFirstOrThrow();
  const key = await gateway.createKey(row.account_id, ['READ', 'CHAT', 'MANAGE']);
  const { page } = await openBrowser({ viewport: { width: 1400, height: 1000 } });
  const foreignRequests: string[] = [];
  await page.context().route(
    (url) => url.origin !== gateway.url && url.protocol.startsWith('http'),
    (route) => {
      foreignRequests.push(route.request().url());
      return route.request().url().includes('evil.example') ? route.abort() : route.continue();
    },
  );
  page.on('request', (request) => {
    if (/^(https?|wss?):/.test(request.url()) && new URL(request.url()).host !== new URL(gateway.url).host) {
      foreignRequests.push(request.url());
    }
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(gateway.url).host) foreignRequests.push(socket.url());
  });
  return { engine, foreignHost, gateway, key, page, foreignRequests };
}

/** Hovers over every URL in the result, long enough for a preview to start. */
async function hoverResult(page: Page): Promise<void> {
  const lines = page.locator('.result-window .view-line');
  for (const line of await lines.all()) {
    const urlCenter = await line.evaluate((element) => {
      const range = document.createRange();
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      for (let text = walker.nextNode(); text !== null; text = walker.nextNode()) {
        const at = text.nodeValue?.indexOf('//') ?? -1;
        if (at < 0) continue;
        range.setStart(text, at);
        range.setEnd(text, at + 2);
        const { x, y, width, height } = range.getBoundingClientRect();
        return { x: x + width / 2, y: y + height / 2 };
      }
      return undefined;
    });
    if (urlCenter === undefined) continue;
    await page.mouse.move(urlCenter.x, urlCenter.y, { steps: 3 });
    await page
      .locator('.result-window .monaco-hover:not(.hidden)')
      .waitFor({ timeout: HOVER_MS })
      .catch(() => {});
    await page.mouse.move(5, 5);
  }
}

async function sendUrlLikeTexts(gateway: TestGateway, key: string, host: string): Promise<void> {
  for (const text of urlLikeTexts(host)) {
    await send(gateway, { chatbotId: DEMO_CHATBOT_ID, content: `Look at ${text} please` }, key);
  }
}

describe.skipIf(browserPath === undefined)('pages (needs Chromium: CHROMIUM_PATH)', { timeout: 120_000 }, () => {
  it('GraphiQL makes no requests for URLs in a result, and sends its key only to the gateway', async () => {
    const { foreignHost, gateway, key, page, foreignRequests, engine } = await openRecordedPage();
    for (const _ of urlLikeTexts(foreignHost.host)) engine.push(delta('Yes.'), finish);
    await sendUrlLikeTexts(gateway, key, foreignHost.host);
    const query = `{ c: chatbots(first: 1) { nodes { conversations(first: 8) { nodes { m: messages(first: 1) { nodes { content } } } } } } }`;
    const pathsWithKey = new Set<string>();
    page.on('request', (request) => {
      if (request.headers()['x-api-key']) pathsWithKey.add(new URL(request.url()).pathname);
    });
    await page.addInitScript((secret) => sessionStorage.setItem('x-api-key', secret), key);
    await page.goto(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`);
    await page.locator('.graphiql-execute-button').click({ timeout: 30_000 });
    await page.locator('.result-window .view-line', { hasText: foreignHost.host }).first().waitFor({ timeout: 30_000 });
    await hoverResult(page);
    // Other scripts on the page cannot send anything to another host, and their own requests do not carry the key.
    await page.evaluate(async (host) => {
      await fetch(`http://${host}/fetched`).catch(() => {});
      await fetch('/health');
      const image = new Image();
      image.src = `http://${host}/image.png`;
      try {
        new WebSocket(`ws://${host}/socket`).send('{"payload":{"extensions":{}}}');
      } catch {
        // The socket is not open, and never will be.
      }
    }, foreignHost.host);
    expect(foreignHost.received).toEqual([]);
    expect([...pathsWithKey]).toEqual(['/graphql']);
    expect(foreignRequests.filter((url) => !/\/(fetched|image\.png|socket)$/.test(url))).toEqual([]);
  });

  it('the REST reference makes no requests for URLs in a response', async () => {
    const { foreignHost, gateway, key, page, foreignRequests } = await openRecordedPage();
    await gateway.graphql(
      'mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) { __typename } }',
      { input: { name: `<img src=http://${foreignHost.host}/name.png> ![x](http://${foreignHost.host}/md.png)` } },
      key,
    );
    const { host } = foreignHost;
    await page.goto(`${gateway.url}/docs?url=http://${host}/spec.json&configUrl=http://${host}/config.json`);
    await page.getByPlaceholder('Token').first().fill(key, { timeout: 30_000 });
    await page.getByRole('button', { name: /^Test Request ?\(get \/chatbots\)$/ }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: /^Send/ }).last().click();
    await dialog.getByText(foreignHost.host).first().waitFor({ timeout: 30_000 });
    expect(foreignHost.received).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });

  it('the chat page makes no requests for URLs in answers, citations and names', async () => {
    const { foreignHost, gateway, page, foreignRequests, engine } = await openRecordedPage();
    const image = `<img src=http://${foreignHost.host}/name.png>`;
    await gateway.deps.db.transaction((trx) =>
      trx
        .updateTable('chatbots')
        .set({ name: `Guide ${image}` })
        .where('id', '=', DEMO_CHATBOT_ID)
        .execute(),
    );
    const passage = await gateway.deps.db.read.selectFrom('passages').selectAll().executeTakeFirstOrThrow();
    const visitor = createVisitor(page);
    await page.goto(linkOf(gateway));
    await visitor.ask(`Look at ${image} ${urlLikeTexts(foreignHost.host).join(' ')} please`);
    const markdown = [
      `![picture](http://${foreignHost.host}/x.png) ![picture](//${foreignHost.host}/y.png)`,
      `[link](http://${foreignHost.host}/link) ${image} <svg><image href="http://${foreignHost.host}/z.svg"/></svg>`,
      `<link rel=preload href=http://${foreignHost.host}/p> <style>@import "http://${foreignHost.host}/s"</style>`,
      ...urlLikeTexts(foreignHost.host),
    ].join('\n\n');
    const citation = {
      passageId: passage.id,
      sourceId: passage.source_id,
      title: `Title ${image}`,
      url: `http://${foreignHost.host}/source`,
      quote: `Quote ${image}`,
      start: 0,
      end: 5,
    };
    engine.push(delta(markdown), { type: 'citation', citation }, finish);
    await visitor.button('Good answer').waitFor({ timeout: 30_000 });
    await page.locator('.sources button').first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('link').waitFor();
    await dialog.getByRole('link').hover();
    await page.keyboard.press('Escape');
    for (const link of await page.locator('.content a').all()) await link.hover();
    expect(foreignHost.received).toEqual([]);
    expect(foreignRequests).toEqual([]);
  });
});
