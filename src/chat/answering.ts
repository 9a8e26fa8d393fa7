import type { Answering } from '../domain/answering.ts';

/** How a chatbot answers unless its owner says otherwise. */
export const DEFAULT_ANSWERING: Answering = {
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
};
