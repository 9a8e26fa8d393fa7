import { expect, it } from 'vitest';
import { bandOf, shouldAskModel } from '../../src/answer/confidence.ts';
import { UNASKED } from '../helpers/models/answers.ts';
import { createRetrieval } from '../helpers/webhooks/hits.ts';

const tool = { name: 'escalate', description: '', parameters: {}, run: async () => '' };
const ask = (confidence: number, parts = {}) => ({
  ...{ ...UNASKED, content: '?' },
  retrieval: createRetrieval([], confidence),
  ...parts,
});

it('divides confidence into three bands', () => {
  expect([0, 0.21, 0.22, 0.31, 0.32, 1].map(bandOf)).toEqual(['NONE', 'NONE', 'UNSURE', 'UNSURE', 'SURE', 'SURE']);
});

it('calls a model only if the sources may answer, unless its grounding is OPEN or it has tools', () => {
  expect([0.1, 0.25, 0.5].map((confidence) => shouldAskModel(ask(confidence)))).toEqual([false, true, true]);
  expect(shouldAskModel(ask(0, { answering: { ...UNASKED.answering, grounding: 'OPEN' } }))).toBe(true);
  expect(shouldAskModel(ask(0, { tools: [tool] }))).toBe(true);
});
