import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { createDataDir, startGatewayProcess } from '../helpers/process.ts';

/** The actions of a user in GraphiQL. */
function createUser(page: Page) {
  const readResult = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('.result-window .view-line')]
        .map((line) => ({ text: line.textContent ?? '', top: Number.parseInt((line as HTMLElement).style.top, 10) }))
        .sort((a, b) => a.top - b.top)
        .map(({ text }) => text.replaceAll('\u00a0', ' ').trim())
        .join(' '),
    );

  const runOperation = () => page.locator('.graphiql-execute-button').click();

  async function waitForResult(pattern: RegExp): Promise<string> {
    await expect.poll(readResult, { timeout: 60_000 }).toMatch(pattern);
    return readResult();
  }

  return {
    readResult,
    waitForResult,
    readTabs: () => page.locator('.graphiql-tab-button').allTextContents(),
    runOperation,

    async openTab(name: string): Promise<void> {
      await page.locator('.graphiql-tab-button', { hasText: name }).click();
      await page.locator('.graphiql-query-editor .view-lines', { hasText: name }).waitFor();
      // GraphiQL parses the operation only after a short delay, which a test must wait for.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    },

    /** Types into the string at the end of a line of a lower pane. Replaces the last `replacedLength` characters. */
    async typeIntoPane(pane: 'Headers' | 'Variables', line: number, text: string, replacedLength = 0): Promise<void> {
      await page.locator('.graphiql-editor-tools button', { hasText: pane }).click();
      await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor').click();
      await page.keyboard.press('Control+Home');
      for (let count = 1; count < line; count++) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('End');
      await page.keyboard.press('ArrowLeft');
      for (let count = 0; count < replacedLength; count++) await page.keyboard.press('Shift+ArrowLeft');
      await page.keyboard.insertText(text);
    },

    readOpenPane: () => page.locator('.graphiql-editor-tools button.active').textContent(),

    /** Runs the operation of the tab Ask, and returns the id of the new reply. */
    async askQuestion(previousReplyId = 'none'): Promise<string> {
      await runOperation();
      const answer = await waitForResult(new RegExp(`"reply": \\{ "id": "(?!${previousReplyId})[0-9a-f-]{36}"`));
      return /"id": "([0-9a-f-]{36})"/.exec(answer)?.[1] ?? '';
    },

    /** Opens the tab Follow, into whose variables the page has written the id of the reply, and runs its operation. */
    async followReply(replyId: string): Promise<void> {
      await this.openTab('Follow');
      expect(await this.readOpenPane()).toBe('Variables');
      await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden)', { hasText: replyId }).waitFor();
      await runOperation();
    },
  };
}

const QUESTION = 'How do I follow an answer?';

describe('GraphiQL', () => {
  it.skipIf(browserPath === undefined)(
    'leads a new user from the printed link to a streamed answer, without a key and without internet access (needs Chromium: CHROMIUM_PATH)',
    { timeout: 180_000 },
    async () => {
      const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '60' } });
      const { page, hosts, problems } = await openBrowser();
      const user = createUser(page);
      const [link = '', secret = ''] = /http:\S+\/graphql#(\S+)/.exec(gateway.stdout) ?? [];
      await page.goto(`${gateway.url}/graphql`);
      const tabs = ['Chatbots', 'AddSource', 'Ask', 'Follow', 'Search', 'WebhookBody'];
      await expect.poll(user.readTabs, { timeout: 15_000 }).toEqual(tabs);

      // Without the link, the page says what to do. Then the user enters the key only once.
      expect(await user.readOpenPane()).toBe('Headers');
      await user.runOperation();
      await user.waitForResult(/"whatToDo": "This operation needs an API key\. .*"code": "UNAUTHENTICATED"/);
      await user.typeIntoPane('Headers', 2, gateway.key);
      await user.runOperation();
      await user.waitForResult(/"name": "ChatGraph guide"/);

      // The link of an earlier start leaves the window without a key; a key that is no longer valid is named as the reason.
      const readKey = () => page.evaluate(() => sessionStorage.getItem('x-api-key'));
      expect(await readKey()).toBe(gateway.key);
      await page.evaluate(() => location.assign('#of-an-earlier-start'));
      await expect.poll(readKey).toBeNull();
      await user.openTab('Search');
      await page.evaluate((key) => sessionStorage.setItem('x-api-key', key), generateKey());
      await user.runOperation();
      await user.waitForResult(/"whatToDo": "The gateway does not accept this API key\. /);

      // With the link, no key is needed.
      await page.goto(link);
      await user.openTab('Ask');
      expect([page.url().includes(secret), await user.readOpenPane()]).toEqual([false, 'Variables']);
      const first = await user.askQuestion();
      await user.followReply(first);
      const shownTexts = new Set<string>();
      await expect
        .poll(
          async () => {
            const text = await user.readResult();
            const [, content = ''] = /"content": "(.*?)" \}/.exec(text) ?? [];
            if (text.includes('"MessageDelta"')) shownTexts.add(content);
            return text;
          },
          { timeout: 90_000, interval: 100 },
        )
        .toContain('"MessageCompleted"');
      const contents = [...shownTexts].filter((content) => content !== '');
      expect(contents.length).toBeGreaterThan(3);
      for (const [index, content] of contents.entries()) {
        expect(withoutSpaces(content).startsWith(withoutSpaces(contents[index - 1] ?? ''))).toBe(true);
      }
      expect(await user.readResult()).toMatch(/"citations": \[ \{ "title": "/);

      // The user adds a source, and asks a question that only this source answers.
      await user.openTab('AddSource');
      await user.typeIntoPane('Variables', 6, '\\n\\nThe zeppelin departs from Friedrichshafen at noon.');
      await user.runOperation();
      await user.waitForResult(/"status": "DONE".*zeppelin/);
      await user.openTab('Ask');
      await user.typeIntoPane('Variables', 4, 'When does the zeppelin depart?', QUESTION.length);
      const second = await user.askQuestion(first);
      await user.followReply(second);
      const answer = await user.waitForResult(/"MessageCompleted".*Friedrichshafen/);
      expect(answer).toContain('"title": "Opening hours"');

      // The page still has its token after a reload. The pane is that of the open tab.
      await page.reload();
      await user.openTab('Search');
      expect(await user.readOpenPane()).toBe('Variables');
      await user.runOperation();
      await user.waitForResult(/"score": [01]/);
      expect(gateway.stderr).not.toContain(secret);

      // The editor knows the schema, through its own worker.
      await page.locator('.graphiql-query-editor .view-lines').click();
      await page.keyboard.press('Control+Home');
      await page.keyboard.type('{ chatb');
      await page.keyboard.press('Control+Space');
      await page.locator('.suggest-widget', { hasText: 'chatbots' }).waitFor({ timeout: 15_000 });

      expect([...hosts]).toEqual([new URL(gateway.url).host]);
      // The only problems are the refusals: without a key, of the earlier link, and of the unknown key.
      expect(problems).toEqual(['401', '404', '401'].map((status) => expect.stringContaining(status)));
    },
  );
});

/** Removes all whitespace, because the editor wraps lines. */
const withoutSpaces = (text: string) => text.replaceAll(/\s+/g, '');
