import type { Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { openBrowser } from '../../helpers/browser.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { createScriptedEngine } from '../../helpers/models/engines.ts';

const SLOW = { timeout: 15_000 };

/** Opens the demo's chat page in a browser, on a gateway whose answers the test scripts. */
export async function openPage(options: Parameters<typeof openBrowser>[0] = {}) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    env: { SEED_DEMO: 'true', RATE_LIMIT_PER_MINUTE: '60' },
    replaced: { engines: new Map([['builtin', engine]]) },
  });
  // Registered before the browser, so that it closes after it: a closing gateway waits for its sockets.
  onTestFinished(() => gateway.close());
  const opened = await openBrowser({ viewport: { width: 1000, height: 700 }, ...options });
  await opened.page.goto(linkOf(gateway));
  return { ...opened, engine, gateway, visitor: createVisitor(opened.page) };
}

/** The link to the demo's page, as printed at the start. */
export function linkOf({ url, deps }: TestGateway): string {
  return `${url}/chat/demo#${deps.keyring.sessions.secret}`;
}

/** The actions of a visitor on the page. */
export function createVisitor(page: Page) {
  const answers = page.locator('.message.assistant');
  const composer = page.getByRole('textbox', { name: 'Your message', exact: true });
  /** The shown text of the last answer, without citation marks and sources. */
  const readAnswer = async () =>
    (await answers.last().locator('.content').allTextContents()).join('').replaceAll('\u2060', '');

  return {
    composer,
    answers,
    button: (name: string) => page.getByRole('button', { name, exact: true }),
    async ask(text: string): Promise<void> {
      await composer.fill(text);
      await composer.press('Enter');
    },
    readAnswer,
    /** Waits until the last answer shows this text. */
    sees: (text: string | RegExp) => expect.poll(readAnswer, SLOW).toMatch(text),
    /** Waits until these questions and answers are shown. */
    seesMessages: (count: number) => expect.poll(() => page.locator('.messages > li').count(), SLOW).toBe(count),
    /** Waits for a text anywhere on the page. */
    finds: (text: string) => page.getByText(text).first().waitFor(SLOW),
    /** Waits until the version counter of the last answer or question shows this. */
    seesVersion: (text: string) =>
      expect.poll(() => page.locator('.versions > span').last().textContent({ timeout: 15_000 }), SLOW).toBe(text),
    announced: () => page.locator('[aria-live=polite]').textContent(),
  };
}
