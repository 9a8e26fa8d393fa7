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

/** Longer than the editor's delay before it shows a preview. */
const HOVER_MS = 1_500;

/** A host that must receive no requests, and the requests it has received. */
async function startEvilHost() {
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

/** Texts that look like URLs of images and pages on a host. */
const baitsFor = (host: string) => [
  `///${host}/a.png`,
  `//${host}/b.svg`,
  `http://${host}/c.png`,
  `/\\${host}/d.jpeg`,
  `/${host}/../..//${host}/e.gif`,
  `"//${host}/f.webp"`,
  // Without a port, because in the editor a word ends at a colon.
  '///evil.example/x.png',
  '//evil.example/y.svg',
];

/** Starts a gateway with the demo account, and opens an empty browser page whose requests to other hosts are recorded. */
async function openRecordedPage() {
  const engine = createScriptedEngine();
  const evil = await startEvilHost();
  const gateway = await startGateway({
    env: { SEED_DEMO: 'true' },
    replaced: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  const row = await gateway.deps.db.read.selectFrom('chatbots').select('account_id').executeTakeFirstOrThrow();
  const key = await gateway.createKey(row.account_id, ['READ', 'CHAT', 'MANAGE']);
  const { page } = await openBrowser({ viewport: { width: 1400, height: 1000 } });
  const foreign: string[] = [];
  await page.context().route(
    (url) => url.origin !== gateway.url && url.protocol.startsWith('http'),
    (route) => {
      foreign.push(route.request().url());
      return route.request().url().includes('evil.example') ? route.abort() : route.continue();
    },
  );
  page.on('request', (request) => {
    if (/^(https?|wss?):/.test(request.url()) && new URL(request.url()).host !== new URL(gateway.url).host) {
      foreign.push(request.url());
    }
  });
  page.on('websocket', (socket) => {
    if (new URL(socket.url()).host !== new URL(gateway.url).host) foreign.push(socket.url());
  });
  return { engine, evil, gateway, key, page, foreign };
}

/** Hovers over every URL in the result, long enough for a preview to start. */
async function hoverResult(page: Page): Promise<void> {
  const lines = page.locator('.result-window .view-line');
  for (const line of await lines.all()) {
    const spot = await line.evaluate((element) => {
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
    if (spot === undefined) continue;
    await page.mouse.move(spot.x, spot.y, { steps: 3 });
    await page
      .locator('.result-window .monaco-hover:not(.hidden)')
      .waitFor({ timeout: HOVER_MS })
      .catch(() => {});
    await page.mouse.move(5, 5);
  }
}

async function seedBaits(gateway: TestGateway, key: string, host: string): Promise<void> {
  for (const bait of baitsFor(host)) {
    await send(gateway, { chatbotId: DEMO_CHATBOT_ID, content: `Look at ${bait} please` }, key);
  }
}

describe.skipIf(browserPath === undefined)('a page (needs Chromium: CHROMIUM_PATH)', { timeout: 120_000 }, () => {
  it('of GraphiQL makes no requests for URLs in a result, and sends its key to the gateway only', async () => {
    const { evil, gateway, key, page, foreign, engine } = await openRecordedPage();
    for (const _ of baitsFor(evil.host)) engine.push(delta('Yes.'), finish);
    await seedBaits(gateway, key, evil.host);
    const query = `{ c: chatbots(first: 1) { nodes { conversations(first: 8) { nodes { m: messages(first: 1) { nodes { content } } } } } } }`;
    const pathsWithKey = new Set<string>();
    page.on('request', (request) => {
      if (request.headers()['x-api-key']) pathsWithKey.add(new URL(request.url()).pathname);
    });
    await page.addInitScript((secret) => sessionStorage.setItem('x-api-key', secret), key);
    await page.goto(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`);
    await page.locator('.graphiql-execute-button').click({ timeout: 30_000 });
    await page.locator('.result-window .view-line', { hasText: evil.host }).first().waitFor({ timeout: 30_000 });
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
    }, evil.host);
    expect(evil.received).toEqual([]);
    expect([...pathsWithKey]).toEqual(['/graphql']);
    expect(foreign.filter((url) => !/\/(fetched|image\.png|socket)$/.test(url))).toEqual([]);
  });

  it('of the REST reference makes no requests for URLs in a response', async () => {
    const { evil, gateway, key, page, foreign } = await openRecordedPage();
    await gateway.graphql(
      'mutation ($input: CreateChatbotInput!) { createChatbot(input: $input) { __typename } }',
      { input: { name: `<img src=http://${evil.host}/name.png> ![x](http://${evil.host}/md.png)` } },
      key,
    );
    await page.goto(`${gateway.url}/docs?url=http://${evil.host}/spec.json&configUrl=http://${evil.host}/config.json`);
    await page.locator('.authorize').first().click({ timeout: 30_000 });
    await page.locator('.auth-container input').first().fill(key);
    await page.locator('.auth-container .btn.authorize').first().click();
    await page.locator('.btn-done').first().click();
    await page
      .locator('.opblock-get', { hasText: /chatbots(?!\/)/ })
      .first()
      .locator('.opblock-summary-control')
      .click();
    await page.locator('.try-out__btn').first().click();
    await page.locator('.execute').first().click();
    await page.locator('.live-responses-table', { hasText: evil.host }).first().waitFor({ timeout: 30_000 });
    expect(evil.received).toEqual([]);
    expect(foreign).toEqual([]);
  });

  it('of a chatbot makes no requests for URLs in answers, citations and names', async () => {
    const { evil, gateway, page, foreign, engine } = await openRecordedPage();
    const image = `<img src=http://${evil.host}/name.png>`;
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
    await visitor.ask(`Look at ${image} ${baitsFor(evil.host).join(' ')} please`);
    const markdown = [
      `![picture](http://${evil.host}/x.png) ![picture](//${evil.host}/y.png)`,
      `[link](http://${evil.host}/link) ${image} <svg><image href="http://${evil.host}/z.svg"/></svg>`,
      `<link rel=preload href=http://${evil.host}/p> <style>@import "http://${evil.host}/s"</style>`,
      ...baitsFor(evil.host),
    ].join('\n\n');
    const citation = {
      passageId: passage.id,
      sourceId: passage.source_id,
      title: `Title ${image}`,
      url: `http://${evil.host}/source`,
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
    expect(evil.received).toEqual([]);
    expect(foreign).toEqual([]);
  });
});
