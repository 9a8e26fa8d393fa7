import axe, { type AxeResults } from 'axe-core';
import { expect, it, onTestFinished } from 'vitest';
import { createChatbot } from '../../src/chatbots/chatbots.ts';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { browserPath, openBrowser } from '../helpers/browser.ts';
import { startGateway } from '../helpers/gateway.ts';

it.skipIf(browserPath === undefined)(
  'the REST reference is accessible in light and dark, needs no internet access, and has examples that can be sent ' +
    'twice (needs Chromium: CHROMIUM_PATH)',
  { timeout: 120_000 },
  async () => {
    const gateway = await startGateway();
    onTestFinished(() => gateway.close());
    await createChatbot(gateway.deps, gateway, { name: 'Demo' }, DEMO_CHATBOT_ID);
    const { page, hosts, problems } = await openBrowser({ viewport: { width: 1280, height: 900 } });
    await page.goto(`${gateway.url}/docs#tag/chat/POST/chatbots/{chatbot_id}/chat`);
    const testChat = page.getByRole('button', { name: /^Test Request ?\(post .*\/chat\)$/ });
    await testChat.waitFor({ timeout: 30_000 });

    await page.evaluate(axe.source);
    // Colours between two states would be measured.
    await page.addStyleTag({ content: '* { transition: none !important }' });
    for (const [colorScheme, width] of [
      ['light', 1280],
      ['dark', 1280],
      ['light', 390],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.locator(`body.${colorScheme}-mode`).waitFor();
      const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
      const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
      expect([colorScheme, width, found]).toEqual([colorScheme, width, []]);
    }

    await page.setViewportSize({ width: 1280, height: 900 });
    await page.getByPlaceholder('Token').first().fill(gateway.key);
    await testChat.click();
    const bodies: unknown[] = [];
    for (let count = 0; count < 2; count++) {
      const [response] = await Promise.all([
        page.waitForResponse((candidate) => candidate.url().endsWith(`/v1/chatbots/${DEMO_CHATBOT_ID}/chat`)),
        page.getByRole('dialog').getByRole('button', { name: /^Send/ }).last().click(),
      ]);
      expect([response.status(), response.request().headers()['idempotency-key']]).toEqual([200, undefined]);
      expect(await response.json()).toEqual({ response: expect.any(String) });
      bodies.push(response.request().postDataJSON());
    }
    const sessionId = expect.stringMatching(/^docs-[0-9a-f-]{36}$/);
    expect(bodies[0]).toEqual({ message: expect.any(String), session_id: sessionId });
    expect(bodies[1]).toEqual(bodies[0]);

    expect([...hosts]).toEqual([new URL(gateway.url).host]);
    expect(problems).toEqual([]);
  },
);
