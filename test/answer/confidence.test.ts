import { expect, it } from 'vitest';
import { classifyOutcome, shouldCallModel, toConfidenceBand } from '../../src/answer/confidence.ts';
import { QUESTION_DEFAULTS } from '../helpers/models/answers.ts';
import { createRetrieval } from '../helpers/models/hits.ts';

const tool = { name: 'escalate', description: '', parameters: {}, run: async () => '' };
const createQuestion = (confidence: number, parts = {}) => ({
  ...{ ...QUESTION_DEFAULTS, content: '?' },
  retrieval: createRetrieval([], confidence),
  ...parts,
});

it('divides confidence into three bands', () => {
  const bands = [0, 0.14, 0.15, 0.59, 0.6, 1].map(toConfidenceBand);
  expect(bands).toEqual(['NONE', 'NONE', 'UNSURE', 'UNSURE', 'SURE', 'SURE']);
});

it('calls a model only if the sources may answer, the grounding is OPEN, or there are tools', () => {
  const calls = [0.1, 0.3, 0.7].map((confidence) => shouldCallModel(createQuestion(confidence)));
  expect(calls).toEqual([false, true, true]);
  const answering = { ...QUESTION_DEFAULTS.answering, grounding: 'OPEN' };
  expect(shouldCallModel(createQuestion(0, { answering }))).toBe(true);
  expect(shouldCallModel(createQuestion(0, { tools: [tool] }))).toBe(true);
});

it('classifies the fallback message as FALLBACK at any confidence, and other texts by the confidence', () => {
  const classify = (answer: string, confidence: number) =>
    classifyOutcome(createQuestion(confidence, { fallbackMessage: 'I do not know that.' }), answer);
  for (const answer of ['I do not know that.', ' “i do not\nknow that”', 'I do not know that!']) {
    expect([classify(answer, 0), classify(answer, 0.9)]).toEqual(['FALLBACK', 'FALLBACK']);
  }
  expect([0, 0.3, 0.6].map((confidence) => classify('I do not know that. But look.', confidence))).toEqual([
    'UNSURE',
    'UNSURE',
    'ANSWERED',
  ]);
});
