import { describe, expect, it } from 'vitest';
import { browserPath, openBrowser } from '../../helpers/browser.ts';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../../helpers/process.ts';
import { createVisitor } from './support.ts';

const QUESTION = 'How do I follow an answer while it is written?';
const READ = `{ chatbot(slug: "demo") { conversations(first: 5) { nodes {
  messages { nodes { role status content } }
} } } }`;

interface Stored {
  readonly role: string;
  readonly status: string;
  readonly content: string;
}

async function readMessages({ url }: RunningGateway, key: string): Promise<Stored[]> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: READ }),
  });
  const { data } = (await response.json()) as {
    data: { chatbot: { conversations: { nodes: { messages: { nodes: Stored[] } }[] } } };
  };
  return data.chatbot.conversations.nodes.flatMap(({ messages }) => messages.nodes);
}

describe.skipIf(browserPath === undefined)('the chat page (needs Chromium: CHROMIUM_PATH)', () => {
  it('recovers by itself when the gateway is killed and started again', { timeout: 90_000 }, async () => {
    const env = { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '40' };
    const killed = await startGatewayProcess({ env });
    const { page } = await openBrowser({ viewport: { width: 1000, height: 900 } });
    const visitor = createVisitor(page);
    await page.goto(`${killed.url}/chat/demo`);
    let loads = 0;
    page.on('load', () => loads++);
    await visitor.ask(QUESTION);
    await visitor.sees(/^To follow/);
    killed.kill('SIGKILL');
    await killed.exited;
    await visitor.finds('Connection lost, trying again…');

    // Written while nobody is there to take it.
    await visitor.ask('What is a passage?');
    await visitor.finds('Will be sent as soon as the connection is back.');
    const gateway = await startGatewayProcess({
      env: { ...env, BUILTIN_DELAY_MS: '5', PORT: new URL(killed.url).port },
    });
    await page.getByText('Connection lost').waitFor({ state: 'detached', timeout: 20_000 });
    await visitor.finds('This answer was interrupted.');
    await expect.poll(() => visitor.answers.count(), { timeout: 20_000 }).toBe(2);
    await visitor.answers.last().getByRole('button', { name: 'Good answer' }).waitFor({ timeout: 30_000 });
    const stored = await readMessages(gateway, killed.key);
    expect(stored.map(({ role, status }) => [role, status])).toEqual([
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'INTERRUPTED'],
      ['USER', 'COMPLETED'],
      ['ASSISTANT', 'COMPLETED'],
    ]);

    await visitor.button('Answer again').click();
    await visitor.seesVersion('2 / 2');
    await visitor.button('Good answer').waitFor({ timeout: 30_000 });
    await visitor.sees(/messageStream/);
    expect((await readMessages(gateway, killed.key)).map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED']);
    expect(loads).toBe(0);
  });
});
