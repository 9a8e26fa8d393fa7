import { describe, expect, it } from 'vitest';
import type { Question } from '../../src/answer/engine.ts';
import { composeFollowUpPrompt, readFollowUps, suggestFromSources } from '../../src/answer/follow-ups.ts';
import { QUESTION_DEFAULTS } from '../helpers/models/answers.ts';
import { createHit, createRetrieval } from '../helpers/models/hits.ts';

const qa = (question: string) => createHit(`Answer to ${question}`, { id: question, type: 'QA', path: [question] });
const page = (...path: string[]) => createHit(`Text of ${path}`, { id: path.join(), path });
const createQuestion = (hits: readonly ReturnType<typeof qa>[], parts: Partial<Question> = {}): Question => ({
  ...QUESTION_DEFAULTS,
  content: 'When are refunds paid?',
  retrieval: createRetrieval(hits),
  ...parts,
});

describe('suggestions from the sources', () => {
  it('are the questions of retrieved entries and headings that were not cited, best first, at most three', () => {
    const hits = [qa('How do I pay?'), page('Delivery', 'Do you ship abroad?', 'Europe'), qa('Paying later'), qa('d?')];
    expect(suggestFromSources(createQuestion(hits), ['Paying later'])).toEqual([
      'How do I pay?',
      'Do you ship abroad?',
      'd?',
    ]);
    expect(suggestFromSources(createQuestion([...hits, qa('e?')]), [])).toHaveLength(3);
  });

  it('never resemble a question that the visitor has asked', () => {
    const hits = [qa('When will the refunds be paid?'), qa('How do I pay?'), qa('Do you ship abroad?')];
    const history = [{ role: 'USER', content: 'do you ship ABROAD' }] as const;
    expect(suggestFromSources(createQuestion(hits, { history }), [])).toEqual(['How do I pay?']);
  });

  it('never contain a heading of a cited passage, a repetition, or a question that is too long', () => {
    const part = { ...page('Do you ship abroad?'), passage: { ...page('Do you ship abroad?').passage, id: 'part 2' } };
    const hits = [
      page('Do you ship abroad?'),
      part,
      qa('How do I pay?'),
      qa('How do I pay??'),
      qa(`${'x'.repeat(160)}?`),
    ];
    expect(suggestFromSources(createQuestion(hits), ['part 2'])).toEqual(['How do I pay?']);
  });

  it('are empty if nothing was retrieved', () => {
    expect(suggestFromSources(createQuestion([]), [])).toEqual([]);
  });
});

describe('suggestions from a model', () => {
  it('are requested with a prompt that contains the sources, the question and the answer', () => {
    const messages = composeFollowUpPrompt(createQuestion([qa('How do I pay?')]), 'In ten days.');
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    const prompt = JSON.stringify(messages);
    for (const text of ['Answer to How do I pay?', 'When are refunds paid?', 'In ten days.', 'JSON array'])
      expect(prompt).toContain(text);
  });

  it.each([
    ['an array', '["How?", "Why?"]', ['How?', 'Why?']],
    ['an array in a code fence', '```json\n[\n  "How?",\n  "Why?"\n]\n```', ['How?', 'Why?']],
    ['an array among prose', 'Sure [1], here: ["How?"]. Anything [else]?', ['How?']],
    ['questions with brackets and quotes', String.raw`["What is [x]?", "\"Why\"?"]`, ['What is [x]?', '"Why"?']],
    ['more than three questions', '["a?", "b?", "c?", "d?"]', ['a?', 'b?', 'c?']],
    ['a repeated question, the question asked, and empty texts', '["Why?", " why ", "Is tea hot", "", " "]', ['Why?']],
    ['questions that are too long or have two lines', JSON.stringify(['x'.repeat(161), 'a\nb', 'c']), ['c']],
    ['an empty array', '[]', []],
    ['no array', 'How? Why?', []],
    ['an array of something else', '[{"question": "How?"}]', []],
    ['half an array', '["How?", "Why', []],
    ['an empty text', '', []],
  ])('are read from %s', (_, text, expected) => {
    expect(readFollowUps(text, ['Is tea hot?'])).toEqual(expected);
  });

  it('are read quickly from any model output', () => {
    for (const part of ['[', '["', '["a",', '[]', '"']) {
      const start = performance.now();
      readFollowUps(part.repeat(100_000));
      expect(performance.now() - start).toBeLessThan(1_000);
    }
  });
});
