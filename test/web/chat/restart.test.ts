import { describe, expect, it } from 'vitest';
import { browserPath, openBrowser } from '../../helpers/browser.ts';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../../helpers/process.ts';
import { createVisitor } from './support.ts';

const QUESTION = 'How do I follow an answer while it is written?';
const READ_MESSAGES = `{ chatbot(slug: "demo") { conversations(first: 5) { nodes {
  messages { nodes { role status content } }
} } } }`;

interface StoredMessage {
  readonly role: string;
  readonly status: string;
  readonly content: string;
}

async function readMessages({ url }: RunningGateway, key: string): Promise<StoredMessage[]> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: READ_MESSAGES }),
  });
  const { data } = (await response.json()) as {
    data: { chatbot: { conversations: { nodes: { messages: { nodes: StoredMessage[] } }[] } } };
  };
  return data.chatbot.conversations.nodes.flatMap(({ messages }) => messages.nodes);
}

/** The link to the chat page that the gateway printed at its start. */
function linkOf({ stdout }: RunningGateway): string {
  return /Chat page +(\S+)/.exec(stdout)?.[1] ?? '';
}

describe.skipIf(browserPath === undefined)('the chat page (needs Chromium: CHROMIUM_PATH)', () => {
  it('shows that its link has expired after the gateway was killed and restarted', { timeout: 90_000 }, async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '40' };
    const killed = await startGatewayProcess({ env });
    expect(linkOf(killed)).toMatch(/\/chat\/demo#[\w-]{32}$/);
    const { page } = await openBrowser({ viewport: { width: 1000, height: 900 } });
    const visitor = createVisitor(page);
    await page.goto(linkOf(killed));
    await visitor.ask(QUESTION);
    await visitor.seesAnswer(/^\w+ \w+/);
    const answerBefore = await visitor.readAnswer();
    expect(page.url()).toBe(`${killed.url}/chat/demo`);
    killed.kill('SIGKILL');
    await killed.exited;
    await visitor.seesText('Connection lost, trying again…');

    const gateway = await startGatewayProcess({
      env: { ...env, BUILTIN_DELAY_MS: '5', PORT: new URL(killed.url).port },
    });
    expect(linkOf(gateway)).not.toBe(linkOf(killed));
    await visitor.seesText('This link no longer works.');
    await expect.poll(() => visitor.composer.isDisabled()).toBe(true);
    // The messages stay on the page, including the interrupted reply.
    expect((await visitor.readAnswer()).startsWith(answerBefore.trimEnd())).toBe(true);
    await page.reload();
    await visitor.seesText('This link no longer works.');
    await page.goto(linkOf(killed));
    await visitor.seesText('This link no longer works.');

    // The URLs differ only after #, so the tab does not load the page by itself.
    await page.goto(linkOf(gateway));
    await visitor.ask('What is a passage?');
    await visitor.button('Good answer').waitFor({ timeout: 30_000 });
    const stored = await readMessages(gateway, killed.key);
    expect(stored.map(({ role, status }) => [role, status]).toSorted()).toEqual([
      ['ASSISTANT', 'COMPLETED'],
      ['ASSISTANT', 'INTERRUPTED'],
      ['USER', 'COMPLETED'],
      ['USER', 'COMPLETED'],
    ]);
  });

  it('sends a message that was written offline exactly once', { timeout: 90_000 }, async () => {
    const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir() } });
    const { page } = await openBrowser({ viewport: { width: 1000, height: 900 } });
    const visitor = createVisitor(page);
    await page.goto(linkOf(gateway));
    await visitor.ask(QUESTION);
    await visitor.button('Good answer').waitFor({ timeout: 30_000 });
    await page.context().setOffline(true);
    await visitor.ask('What is a passage?');
    await visitor.seesText('Will be sent as soon as the connection is back.');
    await page.context().setOffline(false);
    await expect.poll(() => visitor.answers.count(), { timeout: 30_000 }).toBe(2);
    await visitor.answers.last().getByRole('button', { name: 'Good answer' }).waitFor({ timeout: 30_000 });
    const stored = await readMessages(gateway, gateway.key);
    expect(stored.map(({ role }) => role)).toEqual(['USER', 'ASSISTANT', 'USER', 'ASSISTANT']);
  });
});
