import { describe, expect, it } from 'vitest';
import { isEnglish, readQuestionForm } from '../../src/answer/question-form.ts';

describe('the kind of a question', () => {
  it.each([
    ['What is a crate?', 'DEFINITION'],
    ["what's a pallet jack", 'DEFINITION'],
    ['What does E17 mean?', 'DEFINITION'],
    ['Please tell me about crates', 'DEFINITION'],
    ['How do I open the lid?', 'HOW_TO'],
    ['Can you tell me how to open the lid?', 'HOW_TO'],
    ['reset my password', 'HOW_TO'],
    ['The lid is stuck. What should I do?', 'HOW_TO'],
    ['What are the steps to return a crate?', 'HOW_TO'],
    ['Is there a lid?', 'YES_NO'],
    ['And can I return crates without a receipt?', 'YES_NO'],
    ['Where is the lid?', 'WHERE_IS'],
    ['Where can I return a crate', 'WHERE_IS'],
    ['When do you open?', 'FACT'],
    ['How many bottles are in a crate?', 'FACT'],
    ['Who built the belt?', 'FACT'],
    ['Why is the lid blue?', 'FACT'],
    ['crates or pallets, which is better?', 'COMPARISON'],
    ['What is the difference between a crate and a pallet?', 'COMPARISON'],
    ['How do they work?', 'OTHER'],
    ['Wie öffne ich den Deckel?', 'OTHER'],
    ['蓋はどこですか', 'OTHER'],
    ['', 'OTHER'],
  ])('%s: %s', (question, kind) => {
    expect(readQuestionForm(question).kind).toBe(kind);
  });

  it('is that of the last sentence that asks', () => {
    expect(readQuestionForm('I lost a lid. How many are left? Thanks.').kind).toBe('FACT');
  });
});

describe('a comparison', () => {
  it.each([
    ['What is the difference between a crate and a pallet?', ['crate', 'pallet']],
    ['There are wooden crates and plastic crates. How do they differ?', ['wooden crates', 'plastic crates']],
    ['glass vs plastic: what is cheaper?', ['glass', 'plastic']],
    ['crates or pallets, which is better?', ['crates', 'pallets']],
  ])('has two sides: %s', (question, sides) => {
    const words = readQuestionForm(question).sides?.map((side) => side.replace(/^a /, ''));
    expect(words).toEqual(sides);
  });

  it('has none if only one thing is named', () => {
    expect(readQuestionForm('What is the difference?').sides).toBeUndefined();
  });
});

it('asks for code if it asks for steps, for a possibility, or names code', () => {
  const asking = ['How do I start it?', 'Can I start it twice?', 'Which command starts it?'];
  const others = ['What is a belt?', 'When does it start?', 'Does it start?'];
  expect(asking.map((question) => readQuestionForm(question).asksForCode)).toEqual([true, true, true]);
  expect(others.map((question) => readQuestionForm(question).asksForCode)).toEqual([false, false, false]);
});

it('recognizes English by its function words', () => {
  expect(isEnglish('What is the price?')).toBe(true);
  expect(isEnglish('price', 'I could not find that.')).toBe(true);
  expect(isEnglish('Was kostet der Versand?', 'Das weiß ich nicht.')).toBe(false);
  expect(isEnglish('', '')).toBe(false);
});
