import type { Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import { openBrowser } from '../../helpers/browser.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { createScriptedEngine } from '../../helpers/models/engines.ts';

const WAIT = { timeout: 15_000 };

/** The options of the browser, and environment variables of the gateway. */
type PageOptions = Parameters<typeof openBrowser>[0] & { readonly env?: Record<string, string> };

/** Opens the demo's chat page in a browser, on a gateway with an engine that the test controls. */
export async function openPage({ env, ...options }: PageOptions = {}) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    env: { SEED_DEMO: 'true', RATE_LIMIT_PER_MINUTE: '60', ...env },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  // A closing gateway waits for its sockets. This cleanup is registered first, so it runs after that of the browser.
  onTestFinished(() => gateway.close());
  const opened = await openBrowser({ viewport: { width: 1000, height: 700 }, ...options });
  await opened.page.goto(linkOf(gateway));
  return { ...opened, engine, gateway, visitor: createVisitor(opened.page) };
}

/** The link to the demo's chat page, which the gateway prints when it starts. */
export function linkOf({ url, deps }: TestGateway): string {
  return `${url}/chat/demo#${deps.keyring.sessions.chatSecret.text}`;
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
    seesAnswer: (text: string | RegExp) => expect.poll(readAnswer, WAIT).toMatch(text),
    /** Waits until the page shows this number of questions and answers. */
    seesMessages: (count: number) => expect.poll(() => page.locator('.messages > li').count(), WAIT).toBe(count),
    /** Waits for a text anywhere on the page. */
    seesText: (text: string) => page.getByText(text).first().waitFor(WAIT),
    /** Waits until the last version counter on the page shows this text. */
    seesVersion: (text: string) =>
      expect.poll(() => page.locator('.versions > span').last().textContent({ timeout: 15_000 }), WAIT).toBe(text),
    readAnnouncement: () => page.locator('[aria-live=polite]').textContent(),
  };
}
