import { describe, expect, it } from 'vitest';
import { browserPath } from '../../helpers/browser.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openPage } from './support.ts';

const DEMO_QUERY = `{ chatbot(slug: "demo") {
  sources(first: 1) { nodes { id title passages(first: 1) { nodes { id headingPath text } } } }
  conversations(first: 5) { nodes { channel messages { nodes { id role status content rating } } } }
} }`;

interface Demo {
  readonly chatbot: {
    sources: { nodes: [{ id: string; title: string; passages: { nodes: [Passage] } }] };
    conversations: { nodes: { channel: string; messages: { nodes: Message[] } }[] };
  };
}
interface Passage {
  readonly id: string;
  readonly headingPath: string[];
  readonly text: string;
}
interface Message {
  readonly id: string;
  readonly role: string;
  readonly status: string;
  readonly content: string;
  readonly rating: string | null;
}

/** Reads the demo chatbot from the gateway, with a key of its account. */
async function readDemo(gateway: TestGateway) {
  const row = await gateway.deps.db.read.selectFrom('chatbots').select('account_id').executeTakeFirstOrThrow();
  const key = await gateway.createKey(row.account_id, ['READ']);
  const { data } = await gateway.graphql<Demo>(DEMO_QUERY, {}, key);
  return data.chatbot;
}

async function readMessages(gateway: TestGateway): Promise<Message[]> {
  return (await readDemo(gateway)).conversations.nodes[0]?.messages.nodes ?? [];
}

/** Removes Markdown syntax. */
const removeMarkdown = (text: string) => text.replaceAll(/[`*_\s]/g, '');

describe.skipIf(browserPath === undefined)('the chat page (needs Chromium: CHROMIUM_PATH)', { timeout: 60_000 }, () => {
  it('shows an answer as it grows, and opens the passage of a citation mark', async () => {
    const { page, visitor, engine, gateway, hosts, problems } = await openPage();
    const { sources } = await readDemo(gateway);
    const [source] = sources.nodes;
    const [passage] = source.passages.nodes;
    const quote = passage.text.trim().split('\n')[0] ?? '';
    await visitor.ask('What is it?');
    await page.getByText('is writing').waitFor();
    engine.push(delta('It is **a '));
    await visitor.seesAnswer(/^It is \*\*a\s*$/);
    engine.push(delta('gateway.**'));
    await visitor.seesAnswer(/^It is a gateway\.\s*$/);
    expect(await visitor.readAnnouncement()).toBe('');
    const citation = {
      passageId: passage.id,
      sourceId: source.id,
      title: source.title,
      url: null,
      quote,
      start: 0,
      end: 20,
    };
    engine.push({ type: 'citation', citation }, delta(' It answers.'), finish);
    await visitor.seesAnswer(/^It is a gateway\.1 It answers\.\s*$/);
    await expect.poll(visitor.readAnnouncement).toContain('It answers.');

    const mark = page.locator('.content').getByRole('button', { name: `Source 1: ${source.title}` });
    await mark.click();
    const dialog = page.getByRole('dialog', { name: source.title });
    await expect.poll(() => dialog.locator('p.muted').textContent()).toBe(passage.headingPath.join(' › '));
    expect(removeMarkdown((await dialog.locator('mark').allTextContents()).join(''))).toBe(removeMarkdown(quote));
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await mark.evaluate((element) => element === document.activeElement)).toBe(true);

    expect([...hosts]).toEqual([new URL(gateway.url).host]);
    expect(problems).toEqual([]);
    expect((await readDemo(gateway)).conversations.nodes[0]?.channel).toBe('CHAT_PAGE');
  });

  it('stops, regenerates, switches between and rates answers', async () => {
    const { page, visitor, engine, gateway, problems } = await openPage();
    await visitor.ask('Tell me a story.');
    engine.push(delta('Once upon a time'));
    await visitor.seesAnswer('Once upon a time');
    await visitor.button('Stop').click();
    await visitor.seesText('You stopped this answer.');
    await visitor.button('Answer again').click();
    engine.push(delta('There was a king.'), finish);
    await visitor.seesAnswer('There was a king.');
    await visitor.seesVersion('2 / 2');
    await visitor.button('Previous version').click();
    await visitor.seesVersion('1 / 2');
    await visitor.seesAnswer('Once upon a time');
    await visitor.button('Next version').click();
    await visitor.seesVersion('2 / 2');
    await visitor.button('Good answer').click();
    await page.locator('[aria-label="Good answer"][aria-pressed=true]').waitFor();
    expect((await readMessages(gateway)).at(-1)).toMatchObject({ content: 'There was a king.', rating: 'UP' });
    expect(problems).toEqual([]);
  });

  it('sends an edited question, and returns to the earlier version with its answer', async () => {
    const { page, visitor, engine } = await openPage();
    await visitor.ask('First?');
    engine.push(delta('One.'), finish);
    await visitor.seesAnswer('One.');
    await visitor.button('Edit').click();
    const field = page.getByRole('textbox', { name: 'Your message in other words' });
    await field.fill('Second?');
    await field.press('Enter');
    engine.push(delta('Two.'), finish);
    await visitor.seesAnswer('Two.');
    await visitor.seesMessages(2);
    await visitor.seesVersion('2 / 2');
    await visitor.button('Previous version').click();
    await visitor.seesAnswer('One.');
    expect(await page.locator('.bubble').allTextContents()).toEqual(['First?']);
  });

  it('resumes the conversation and the running answer after a reload', async () => {
    const { page, visitor, engine, gateway } = await openPage();
    await visitor.ask('Count.');
    engine.push(delta('One, '));
    await visitor.seesAnswer('One,');
    await page.reload();
    await visitor.seesAnswer('One,');
    engine.push(delta('two, '));
    await visitor.seesAnswer(/^One, two,\s*$/);
    await page.reload();
    engine.push(delta('three.'), finish);
    await visitor.seesAnswer(/^One, two, three\.\s*$/);
    expect((await readMessages(gateway)).map(({ content }) => content)).toEqual(['Count.', 'One, two, three.']);
    await visitor.button('New conversation').click();
    await visitor.seesMessages(0);
    await page.reload();
    await visitor.seesText('What would you like to know?');
  });

  it('shows texts of people and models as text, not as HTML', async () => {
    const { page, visitor, engine, problems } = await openPage();
    const hostile = '<script>alert(1)</script><img src=x onerror=alert(2)> &lt;b&gt;';
    await visitor.ask(hostile);
    expect(await page.locator('.bubble').first().textContent()).toBe(hostile);
    const markdown = [
      hostile,
      '[a](javascript:alert(3)) [b](data:text/html,x) ![picture](https://example.com/x.png)',
      '[web](https://example.com/a?b=c)',
      '<a href="https://example.com" onclick="alert(4)">link</a>',
    ];
    engine.push(delta(markdown.join('\n\n')), finish);
    await visitor.seesAnswer(/<script>alert\(1\)<\/script>/);
    await visitor.button('Good answer').waitFor();
    const content = page.locator('.content');
    expect(await content.locator('script, img, iframe, [onclick], [onerror], [style]').count()).toBe(0);
    const links = await content
      .locator('a')
      .evaluateAll((found) => found.map((link) => ['href', 'target', 'rel'].map((name) => link.getAttribute(name))));
    expect(links.map(([href]) => href)).toContain('https://example.com/a?b=c');
    for (const [href, target, rel] of links) {
      expect(href).toMatch(/^https:\/\/example\.com/);
      expect([target, rel]).toEqual(['_blank', 'noopener noreferrer']);
    }
    expect(problems).toEqual([]);
  });

  it('works by keyboard only, and on a phone without horizontal scrolling', async () => {
    const { page, visitor, engine } = await openPage({ viewport: { width: 320, height: 568 }, hasTouch: true });
    const focusedName = () =>
      page.evaluate(() => document.activeElement?.textContent || document.activeElement?.ariaLabel);
    const tabTo = async (name: string) => {
      for (let steps = 0; steps < 30 && !(await focusedName())?.startsWith(name); steps++)
        await page.keyboard.press('Tab');
      expect(await focusedName()).toMatch(new RegExp(`^${name}`));
    };
    await tabTo('How do I follow an answer');
    await page.keyboard.press('Enter');
    engine.push(
      delta(
        `${'Wide'.repeat(60)}\n\n\`\`\`\n${'code '.repeat(60)}\n\`\`\`\n\n| a | b |\n|---|---|\n| ${'c'.repeat(90)} | d |\n`,
      ),
    );
    await visitor.seesAnswer(/Wide/);
    await page.keyboard.press('Escape');
    await visitor.seesText('You stopped this answer.');
    const [width, visible] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(width).toBe(visible);
    await visitor.composer.focus();
    await page.keyboard.type('Two');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('lines');
    await page.keyboard.press('Enter');
    engine.push(delta('Good.'), finish);
    await visitor.seesAnswer('Good.');
    expect(await page.locator('.bubble').last().textContent()).toBe('Two\nlines');
    const overflowing = await page
      .locator('button:visible')
      .evaluateAll((buttons) => buttons.filter((button) => button.getBoundingClientRect().right > innerWidth).length);
    expect(overflowing).toBe(0);
  });
});
