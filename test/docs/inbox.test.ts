import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Page, Route, WebSocketRoute } from 'playwright-core';
import { build, type Rolldown } from 'vite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { settingsFor, startFakeIssuer } from '../helpers/oidc/fake-issuer.ts';
import { ACCOUNT, startSignInGateway } from '../helpers/oidc/sign-in-gateway.ts';

const EXAMPLE = fileURLToPath(new URL('../../docs/examples/inbox', import.meta.url));
const WAIT = { timeout: 15_000 };

/** Builds the example as it is, with Preact in place of React, and returns its files by path. */
async function buildInbox(): Promise<Map<string, string>> {
  const { output } = (await build({
    root: EXAMPLE,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { react: 'preact/compat', 'react-dom': 'preact/compat' } },
    build: { write: false, minify: false },
  })) as Rolldown.RolldownOutput;
  return new Map(output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : String(file.source)]));
}

/** Serves files from an origin of their own, as a front end does. Only the address of the gateway is replaced. */
async function serveInbox(
  files: Promise<Map<string, string>>,
  gatewayUrl: Promise<string>,
  getToken: () => Promise<string>,
): Promise<string> {
  const server = createServer(async ({ url = '' }, response) => {
    if (url === '/token') {
      response.end(await getToken());
      return;
    }
    const path = url === '/' ? '/index.html' : url;
    const content = (await files).get(path)?.replace('http://127.0.0.1:4000', await gatewayUrl);
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': type }).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Opens the example in a browser, with a gateway whose chatbot answers one question and has a fallback for the others. */
async function openInbox() {
  const { promise: gatewayUrl, resolve } = Promise.withResolvers<string>();
  const issuer = await startFakeIssuer();
  const getToken = () => issuer.sign({ name: 'Grace', scope: 'READ MANAGE' });
  const origin = await serveInbox(buildInbox(), gatewayUrl, getToken);
  const gateway = await startSignInGateway({ ...settingsFor(issuer, ACCOUNT), ALLOWED_ORIGINS: origin });
  resolve(gateway.url);
  const sources = ['The shop is open from 9 to 18.'];
  const chatbotId = await createChatbot(gateway, { sources, fallbackMessage: 'I do not know.' });
  const { page, problems } = await openBrowser();
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket(/./, (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  await page.goto(origin);
  return {
    gateway,
    page,
    problems,
    person: createPerson(page),
    /** Sends a message of a visitor. */
    ask: (sessionId: string, content: string) => runMutation(gateway, 'sendMessage', { chatbotId, sessionId, content }),
    /** Closes the connection of the page's subscriptions. */
    disconnect: () => sockets.at(-1)?.close(),
  };
}

/** Runs a mutation of a visitor or of another person, and returns the id of its conversation. */
async function runMutation(gateway: TestGateway, name: string, input: object): Promise<string> {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const { data } = await gateway.graphql<{ result: { conversation: { id: string } } }>(
    `mutation ($input: ${type}Input!) { result: ${name}(input: $input) { ... on ${type}Payload { conversation { id } } } }`,
    { input },
  );
  return data.result.conversation.id;
}

/** Handles the next request of the page that has this operation. */
async function interceptNext(page: Page, operation: string, handle: (route: Route) => Promise<void>): Promise<void> {
  let isHandled = false;
  await page.route('**/graphql', (route) => {
    if (isHandled || !route.request().postData()?.includes(operation)) return route.fallback();
    isHandled = true;
    return handle(route);
  });
}

/** The actions of a person who answers conversations. */
function createPerson(page: Page) {
  const views = page.getByRole('navigation').getByRole('button');
  const rows = page.getByRole('list', { name: 'Conversations' }).getByRole('button');
  const conversation = page.getByRole('region', { name: 'Conversation' });
  const readCounts = async () => (await views.allTextContents()).map((text) => text.replace(/^\D+/, ''));
  return {
    async signIn(name: string): Promise<void> {
      await page.getByLabel('Your name').fill(name);
      await page.getByRole('button', { name: 'Sign in' }).click();
    },
    async search(text: string): Promise<void> {
      await page.getByLabel('Text').fill(text);
      await page.getByRole('button', { name: 'Search' }).click();
    },
    selectView: (name: string) => views.filter({ hasText: name }).click(),
    openConversation: (name: string) => rows.filter({ hasText: name }).click(),
    act: (name: string) => conversation.getByRole('button', { name }).click(),
    async reply(text: string): Promise<void> {
      await conversation.getByLabel('Your message').fill(text);
      await conversation.getByRole('button', { name: 'Send' }).click();
    },
    /** Waits until the list shows the conversations with exactly these names. */
    seesList: (...names: readonly string[]) =>
      expect.poll(() => rows.locator('b').allTextContents(), WAIT).toEqual(names),
    /** Waits until the list shows a conversation like this. */
    seesRow: (text: string) => rows.filter({ hasText: text }).waitFor(WAIT),
    /** Waits until the views have these counts: open, escalated, with a person, unassigned, unread. */
    seesCounts: (counts: string) => expect.poll(async () => (await readCounts()).join(' '), WAIT).toBe(counts),
    seesMessages: (...texts: readonly string[]) =>
      expect.poll(() => conversation.getByRole('listitem').allTextContents(), WAIT).toEqual(texts),
    seesText: (text: string) => conversation.getByText(text).waitFor(WAIT),
  };
}

describe.skipIf(browserPath === undefined)('the inbox of the docs (needs Chromium: CHROMIUM_PATH)', () => {
  it('lists, filters, follows, takes over, hands back and counts conversations', async () => {
    const { gateway, page, problems, person, ask, disconnect } = await openInbox();
    await ask('ada', 'When is the shop open?');
    await ask('bob', 'Can you phone me?');

    // A message arrives between the query of the page and its subscription.
    await interceptNext(page, 'query Inbox', async (route) => {
      const response = await route.fetch();
      await ask('cyd', 'Do you sell bicycles?');
      await route.fulfill({ response });
    });
    await person.signIn('Grace');
    await person.seesList('cyd', 'bob', 'ada');
    await person.seesRow('ada (0) The shop is open from 9 to 18.');
    await person.seesCounts('3 0 0 3 2');

    await person.selectView('Unread');
    await person.seesList('cyd', 'bob');
    const dan = await ask('dan', 'Are you hiring?');
    await person.seesList('dan', 'cyd', 'bob');
    await ask('bob', 'Are you there?');
    await person.seesList('bob', 'dan', 'cyd');
    await person.openConversation('bob');
    const asked = [
      'user Can you phone me?',
      'assistant I do not know.',
      'user Are you there?',
      'assistant I do not know.',
    ];
    await person.seesMessages(...asked);
    await person.seesList('dan', 'cyd');

    await person.act('Take over');
    await person.seesText('open, assigned to Grace');
    await person.selectView('With a person');
    await person.seesList('bob');
    await person.reply('Yes, in a minute.');
    await person.seesText('Yes, in a minute.');
    await ask('bob', 'Thank you!');
    await person.seesMessages(...asked, 'Grace Yes, in a minute.', 'user Thank you!');
    await person.seesCounts('4 0 1 3 2');

    // While the page has no connection, a conversation gets its first message, and another person takes it over.
    await disconnect();
    const eve = await ask('eve', 'I have a complaint.');
    await runMutation(gateway, 'takeOverConversation', { id: eve });
    await person.seesList('eve', 'bob');

    await person.act('Hand back');
    await person.seesList('eve');
    await person.act('Close');
    await person.seesText('closed, assigned to nobody');
    await person.selectView('Unassigned');
    await person.seesList('eve', 'dan', 'cyd', 'ada');
    await person.search('SELL bicyc');
    await person.seesList('cyd');
    await person.search('');
    await person.seesList('eve', 'dan', 'cyd', 'ada');

    // Another person is assigned while the request to take over is on its way.
    await person.openConversation('dan');
    await interceptNext(page, 'mutation Assign', async (route) => {
      await runMutation(gateway, 'assignConversation', { id: dan, assignee: 'Heidi' });
      await route.continue();
    });
    await person.act('Take over');
    await person.seesText('Another person is assigned to the conversation');
    await person.seesText('open, assigned to Heidi');
    await person.seesList('eve', 'cyd', 'ada');
    await person.seesCounts('4 0 1 3 2');
    expect(problems).toEqual([]);
  });
});
