import { expect, it } from 'vitest';
import { shouldCallModel, toConfidenceBand } from '../../src/answer/confidence.ts';
import { QUESTION_DEFAULTS } from '../helpers/models/answers.ts';
import { createRetrieval } from '../helpers/models/hits.ts';

const tool = { name: 'escalate', description: '', parameters: {}, run: async () => '' };
const createQuestion = (confidence: number, parts = {}) => ({
  ...{ ...QUESTION_DEFAULTS, content: '?' },
  retrieval: createRetrieval([], confidence),
  ...parts,
});

it('divides confidence into three bands', () => {
  const bands = [0, 0.21, 0.22, 0.31, 0.32, 1].map(toConfidenceBand);
  expect(bands).toEqual(['NONE', 'NONE', 'UNSURE', 'UNSURE', 'SURE', 'SURE']);
});

it('calls a model only if the sources may answer, the grounding is OPEN, or there are tools', () => {
  const calls = [0.1, 0.25, 0.5].map((confidence) => shouldCallModel(createQuestion(confidence)));
  expect(calls).toEqual([false, true, true]);
  const answering = { ...QUESTION_DEFAULTS.answering, grounding: 'OPEN' };
  expect(shouldCallModel(createQuestion(0, { answering }))).toBe(true);
  expect(shouldCallModel(createQuestion(0, { tools: [tool] }))).toBe(true);
});
