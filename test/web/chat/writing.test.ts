import { describe, expect, it } from 'vitest';
import { browserPath } from '../../helpers/browser.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openPage } from './support.ts';

const MAX_CHARS = 40;

describe.skipIf(browserPath === undefined)('a field of the chat page (needs Chromium: CHROMIUM_PATH)', () => {
  it('keeps a text over MAX_MESSAGE_CHARS, says by how much, and sends it once it fits', async () => {
    const { page, visitor, engine, problems } = await openPage({ env: { MAX_MESSAGE_CHARS: String(MAX_CHARS) } });
    const seesExcess = (text: string) =>
      expect.poll(() => page.locator('.length-notice').last().textContent()).toBe(text);
    await visitor.composer.waitFor();
    expect(await visitor.composer.evaluate((field) => field === document.activeElement)).toBe(true);

    // Each 😀 counts as two, as on the gateway; spaces at the ends do not count.
    const long = `  ${'😀'.repeat(20)}${'a'.repeat(1_001)}\n`;
    await page.keyboard.insertText(long);
    await seesExcess('1,001 characters too long. A message may have at most 40 characters.');
    expect(await visitor.composer.inputValue()).toBe(long);
    expect(await visitor.composer.getAttribute('aria-invalid')).toBe('true');
    await page.keyboard.press('Enter');
    expect(await visitor.button('Send').isDisabled()).toBe(true);
    await visitor.composer.fill('a'.repeat(MAX_CHARS + 1));
    await seesExcess('1 character too long. A message may have at most 40 characters.');
    const fitting = '😀'.repeat(MAX_CHARS / 2);
    await visitor.composer.fill(`  ${fitting}  `);
    await seesExcess('');
    await page.keyboard.press('Enter');
    engine.push(delta('Yes.'), finish);
    await visitor.seesAnswer('Yes.');
    expect(await page.locator('.bubble').allTextContents()).toEqual([fitting]);

    await visitor.button('Edit').click();
    const field = page.getByRole('textbox', { name: 'Your message in other words' });
    await field.fill('b'.repeat(MAX_CHARS + 2));
    await expect
      .poll(() => page.locator('.edit .length-notice').textContent())
      .toBe('2 characters too long. A message may have at most 40 characters.');
    await field.press('Enter');
    expect(await visitor.button('Ask again').isDisabled()).toBe(true);
    await field.fill('b'.repeat(MAX_CHARS));
    await field.press('Enter');
    engine.push(delta('Good.'), finish);
    await visitor.seesAnswer('Good.');
    expect(engine.questions.map(({ content }) => content)).toEqual([fitting, 'b'.repeat(MAX_CHARS)]);
    expect(problems).toEqual([]);
  });

  it('ignores the keys of an input method, also where Safari ends the composition first', async () => {
    const { page, visitor, engine } = await openPage({ isMobile: true, hasTouch: true });
    await visitor.composer.waitFor();
    // On a touch device, the on-screen keyboard opens only when the visitor asks for it.
    expect(await visitor.composer.evaluate((field) => field === document.activeElement)).toBe(false);
    await visitor.composer.focus();
    const devTools = await page.context().newCDPSession(page);
    await devTools.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
    await page.keyboard.press('Enter');
    await devTools.send('Input.insertText', { text: '日本' });
    const pressAsSafari = (key: string) =>
      visitor.composer.evaluate((field, pressed) => {
        field.dispatchEvent(new CompositionEvent('compositionend', { data: '日本', bubbles: true }));
        const options = { key: pressed, keyCode: 229, bubbles: true, cancelable: true };
        field.dispatchEvent(new KeyboardEvent('keydown', options));
      }, key);
    await pressAsSafari('Enter');
    expect(await visitor.composer.inputValue()).toContain('日本');
    await page.keyboard.press('Enter');
    engine.push(delta('Tokyo'));
    await visitor.seesAnswer('Tokyo');
    // An Esc that discards a word does not stop the reply.
    await pressAsSafari('Escape');
    engine.push(delta(' is its capital.'), finish);
    await visitor.seesAnswer('Tokyo is its capital.');
    expect(engine.questions.map(({ content }) => content)).toEqual(['日本']);

    await visitor.button('Edit').click();
    const field = page.getByRole('textbox', { name: 'Your message in other words' });
    for (const key of ['Enter', 'Escape']) {
      await field.evaluate((element, pressed) => {
        element.dispatchEvent(new KeyboardEvent('keydown', { key: pressed, keyCode: 229, bubbles: true }));
      }, key);
    }
    expect(await field.isVisible()).toBe(true);
    expect(engine.questionCount).toBe(1);
  });
});
