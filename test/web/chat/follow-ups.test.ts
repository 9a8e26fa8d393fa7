import { describe, expect, it } from 'vitest';
import { DEFAULT_ANSWERING } from '../../../src/chatbots/answering.ts';
import { toJson } from '../../../src/domain/json.ts';
import { browserPath } from '../../helpers/browser.ts';
import { citationEvent } from '../../helpers/conversations.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openPage } from './support.ts';

const QUESTIONS = ['How do I follow an answer?', 'What is a webhook of the moon?', 'How is the rate limit counted?'];

describe.skipIf(browserPath === undefined)('the chat page (needs Chromium: CHROMIUM_PATH)', { timeout: 60_000 }, () => {
  it('offers follow-up questions of the last answer only, and sends one on a click', async () => {
    const { page, visitor, engine, gateway, problems } = await openPage();
    const answering = toJson({ ...DEFAULT_ANSWERING, suggestsFollowUps: true });
    await gateway.deps.db.transaction((trx) => trx.updateTable('chatbots').set({ answering }).execute());
    Object.assign(engine, { suggest: async () => ({ questions: QUESTIONS, usage: null }) });

    await visitor.ask('How do I ask?');
    engine.push(delta('By sendMessage.'), citationEvent('The graph', 14), finish);
    const offered = page.getByRole('list', { name: 'Questions to ask next' }).getByRole('button');
    await offered.first().waitFor();
    const texts = await offered.allTextContents();
    expect(QUESTIONS).toEqual(expect.arrayContaining(texts));
    expect(texts).toContain(QUESTIONS[0]);

    await offered.first().click();
    await visitor.seesMessages(4);
    await expect.poll(() => offered.count()).toBe(0);
    engine.push(delta('By messageStream.'), finish);
    await visitor.seesAnswer('By messageStream.');
    expect(engine.questions.at(-1)?.content).toBe(texts[0]);
    expect(problems).toEqual([]);
  });
});
