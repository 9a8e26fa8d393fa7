import axe from 'axe-core';
import { sql } from 'kysely';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { browserPath } from '../../helpers/browser.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openPage } from './support.ts';

const MARKDOWN = `مرحبا، هذا \`npm ci\` هنا

https://example.com/a/ يشرح

- عنصر أول
- First item

1. פריט

   שני

> اقتباس

| عمود | b |
|---|---|
| خلية | 2 |

English (word).

\`\`\`
# תגובה
npm ci
\`\`\`
`;

/** The widths of a small phone, a common phone and a desktop. */
const WIDTHS = [320, 390, 1280];
const MIN_TARGET_PX = 44;

/**
 * Checks the page in every width and colour scheme: axe-core finds nothing, each target is large enough, and nothing is
 * cut off at the side. Needs `axe.source` in the page.
 */
async function checkViews(page: Page): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    const found = { width, ...(await findViolations(page)), ...(await findLayoutFaults(page)) };
    expect(found).toEqual({ width, violations: [], smallTargets: [], overflowPx: 0 });
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    // Only the contrast depends on the colour scheme.
    expect({ width, ...(await findViolations(page, ['color-contrast'])) }).toEqual({ width, violations: [] });
  }
}

/** The violations of the rules of axe-core, with the elements that violate them. */
async function findViolations(page: Page, onlyRules?: string[]) {
  const options: axe.RunOptions = {
    resultTypes: ['violations'],
    ...(onlyRules ? { runOnly: onlyRules } : { rules: { 'target-size': { enabled: true } } }),
  };
  const { violations } = await page.evaluate(
    (given) => (globalThis as unknown as { axe: typeof axe }).axe.run(document, given),
    options,
  );
  return { violations: violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]) };
}

function findLayoutFaults(page: Page) {
  return page.evaluate((minPx) => {
    const targets = [...document.querySelectorAll('button, input, textarea, .address')];
    const smallTargets = targets.filter((target) => {
      const { width, height } = target.getBoundingClientRect();
      return target.checkVisibility() && Math.min(width, height) < minPx;
    });
    return {
      smallTargets: smallTargets.map(({ outerHTML }) => outerHTML),
      overflowPx: document.documentElement.scrollWidth - innerWidth,
    };
  }, MIN_TARGET_PX);
}

describe.skipIf(browserPath === undefined)('an answer on the chat page (needs Chromium: CHROMIUM_PATH)', () => {
  it('reads in the direction of each block, and its code can be copied without permission', async () => {
    const { page, visitor, engine, problems } = await openPage();
    await visitor.ask('שלום (עולם).');
    engine.push(delta(MARKDOWN), finish);
    await visitor.button('Good answer').waitFor();

    const directions = await page
      .locator('.message.assistant .content, .bubble')
      .locator('xpath=descendant-or-self::*')
      .evaluateAll((elements) =>
        elements.map(({ localName, textContent }, index) => [
          `${localName} ${textContent.trim().split('\n')[0]}`,
          getComputedStyle(elements[index] as Element).direction,
        ]),
      );
    expect(Object.fromEntries(directions)).toMatchObject({
      'div שלום (עולם).': 'rtl',
      'p مرحبا، هذا npm ci هنا': 'rtl',
      'code npm ci': 'ltr',
      'p https://example.com/a/ يشرح': 'rtl',
      'a https://example.com/a/': 'ltr',
      'li عنصر أول': 'rtl',
      'li First item': 'ltr',
      'p פריט': 'rtl',
      'blockquote اقتباس': 'rtl',
      'table عمود': 'rtl',
      'p English (word).': 'ltr',
      'pre # תגובה': 'ltr',
    });

    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('Denied.', 'NotAllowedError'));
    });
    await visitor.button('Copy code').click();
    await page.getByText('Copied').waitFor();
    await visitor.composer.focus();
    await page.keyboard.press('ControlOrMeta+V');
    expect(await visitor.composer.inputValue()).toBe('# תגובה\nnpm ci');
    await page.evaluate(() => {
      Reflect.deleteProperty(navigator.clipboard, 'writeText');
      return navigator.clipboard.writeText('something else');
    });
    await visitor.button('Copy code').click();
    await page.context().grantPermissions(['clipboard-read']);
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('# תגובה\nnpm ci');
    expect(problems).toEqual([]);
  });

  it('has no violation of axe-core in any state, in any width and colour scheme', async () => {
    const { page, visitor, engine, gateway, problems } = await openPage();
    await page.evaluate(axe.source);
    await visitor.composer.waitFor();
    await checkViews(page);

    const passage = await gateway.deps.db.read
      .selectFrom('passages')
      .selectAll()
      .where(sql<boolean>`heading_path like '%,%'`)
      .executeTakeFirstOrThrow();
    const citation = {
      passageId: passage.id,
      sourceId: passage.source_id,
      title: 'Guide',
      url: 'https://example.com/a',
    };
    await visitor.ask('What is it?');
    engine.push(delta(`It is this.\n\n${MARKDOWN}`));
    await visitor.seesAnswer('npm ci');
    for (const end of [3, 5, 10]) {
      engine.push({ type: 'citation', citation: { ...citation, quote: passage.text.slice(0, 50), start: 0, end } });
    }
    await expect.poll(() => page.locator('.mark').count()).toBe(3);
    await checkViews(page);

    engine.push(finish);
    const chip = page.getByRole('list', { name: 'Sources' }).getByRole('button');
    expect(await chip.textContent()).toBe(`1 Guide ${(JSON.parse(passage.heading_path) as string[]).join(' › ')}`);
    await chip.click();
    await page.getByRole('dialog').getByRole('link').waitFor();
    await checkViews(page);
    await page.keyboard.press('Escape');

    await visitor.ask('And now?');
    engine.push(delta('Well'));
    await visitor.seesAnswer('Well');
    engine.fail(new Error('away'));
    await visitor.button('Answer again').waitFor();
    await visitor.button('Edit').first().click();
    await visitor.composer.fill('a'.repeat(9_000));
    await page.getByText('1,000 characters too long').waitFor();
    await checkViews(page);

    await visitor.button('Talk to a person').click();
    await page.getByRole('dialog').getByRole('textbox').first().waitFor();
    await checkViews(page);
    expect(problems).toEqual([]);
  });
});
