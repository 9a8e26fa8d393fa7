import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { createDataDir, startGatewayProcess } from '../helpers/process.ts';

/** The actions of a user in GraphiQL. */
function createUser(page: Page) {
  const result = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('.result-window .view-line')]
        .map((line) => ({ text: line.textContent ?? '', top: Number.parseInt((line as HTMLElement).style.top, 10) }))
        .sort((a, b) => a.top - b.top)
        .map(({ text }) => text.replaceAll('\u00a0', ' ').trim())
        .join(' '),
    );

  const run = () => page.locator('.graphiql-execute-button').click();

  async function resultWith(pattern: RegExp): Promise<string> {
    await expect.poll(result, { timeout: 60_000 }).toMatch(pattern);
    return result();
  }

  return {
    result,
    resultWith,
    tabs: () => page.locator('.graphiql-tab-button').allTextContents(),
    run,

    async openTab(name: string): Promise<void> {
      await page.locator('.graphiql-tab-button', { hasText: name }).click();
      await page.locator('.graphiql-query-editor .view-lines', { hasText: name }).waitFor();
      // GraphiQL finds the operation shortly after a change: sooner than a person clicks, but later than a test.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
    },

    /** Types into the quotes at the end of a line in the lower pane, replacing the last `replaced` characters. */
    async write(pane: 'Headers' | 'Variables', line: number, text: string, replaced = 0): Promise<void> {
      await page.locator('.graphiql-editor-tools button', { hasText: pane }).click();
      await page.locator('.graphiql-editor-tool .graphiql-editor:not(.hidden) .monaco-editor').click();
      await page.keyboard.press('Control+Home');
      for (let count = 1; count < line; count++) await page.keyboard.press('ArrowDown');
      await page.keyboard.press('End');
      await page.keyboard.press('ArrowLeft');
      for (let count = 0; count < replaced; count++) await page.keyboard.press('Shift+ArrowLeft');
      await page.keyboard.insertText(text);
    },

    /** Runs the tab Ask, and returns the id of the new reply. */
    async ask(shown = 'none'): Promise<string> {
      await run();
      const answer = await resultWith(new RegExp(`"reply": \\{ "id": "(?!${shown})[0-9a-f-]{36}"`));
      return /"id": "([0-9a-f-]{36})"/.exec(answer)?.[1] ?? '';
    },
  };
}

const QUESTION = 'How do I follow an answer?';

describe('GraphiQL', () => {
  it.skipIf(browserPath === undefined)(
    'takes a new user, without internet access, from the key to a streamed answer (needs Chromium: CHROMIUM_PATH)',
    { timeout: 180_000 },
    async () => {
      const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), BUILTIN_DELAY_MS: '250' } });
      const { page, hosts, problems } = await openBrowser();
      const user = createUser(page);
      await page.goto(`${gateway.url}/graphql`);
      await expect.poll(user.tabs, { timeout: 15_000 }).toEqual(['Chatbots', 'AddSource', 'Ask', 'Follow', 'Search']);

      // The key is entered once.
      await user.write('Headers', 2, gateway.key);
      await user.run();
      await user.resultWith(/"name": "ChatGraph guide"/);

      await user.openTab('Ask');
      const first = await user.ask();
      await user.openTab('Follow');
      await user.write('Variables', 2, first);
      await user.run();
      const shownTexts = new Set<string>();
      await expect
        .poll(
          async () => {
            const text = await user.result();
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
      expect(await user.result()).toMatch(/"citations": \[ \{ "title": "/);

      // The user's own source, and a question that only this source answers.
      await user.openTab('AddSource');
      await user.write('Variables', 6, '\\n\\nThe zeppelin departs from Friedrichshafen at noon.');
      await user.run();
      await user.resultWith(/"status": "DONE".*zeppelin/);
      await user.openTab('Ask');
      await user.write('Variables', 4, 'When does the zeppelin depart?', QUESTION.length);
      const second = await user.ask(first);
      await user.openTab('Follow');
      await user.write('Variables', 2, second, second.length);
      await user.run();
      const answer = await user.resultWith(/"MessageCompleted".*Friedrichshafen/);
      expect(answer).toContain('"title": "Opening hours"');

      // The page still has the key after a reload.
      await page.reload();
      await user.openTab('Search');
      await user.run();
      await user.resultWith(/"score": [01]/);

      // The editor knows the schema, through its own worker.
      await page.locator('.graphiql-query-editor .view-lines').click();
      await page.keyboard.press('Control+Home');
      await page.keyboard.type('{ chatb');
      await page.keyboard.press('Control+Space');
      await page.locator('.suggest-widget', { hasText: 'chatbots' }).waitFor({ timeout: 15_000 });

      expect([...hosts]).toEqual([new URL(gateway.url).host]);
      expect(problems).toEqual([]);
    },
  );
});

/** Removes line breaks, because the editor wraps lines. */
const withoutSpaces = (text: string) => text.replaceAll(/\s+/g, '');
