import type { AnswerEngine, AnswerEvent, Question } from '../../../src/answer/engine.ts';
import { DEFAULT_ANSWERING } from '../../../src/chatbots/answering.ts';
import type { Citation } from '../../../src/domain/entities.ts';

/** Default values of all fields of a question except its content. */
export const QUESTION_DEFAULTS = {
  accountId: '',
  chatbotId: '',
  instructions: '',
  fallbackMessage: 'Sorry.',
  handoffMessage: 'A person will answer.',
  answeringModel: { provider: 'builtin', model: null },
  answering: DEFAULT_ANSWERING,
  visitorMetadata: null,
  tools: [],
  history: [],
} satisfies Partial<Question>;

/** Passes a question to an engine, and reads its answer to the end. */
export async function readAnswer(
  engine: AnswerEngine,
  question: Pick<Question, 'content' | 'retrieval'> & Partial<Question>,
  signal = new AbortController().signal,
) {
  const events: AnswerEvent[] = [];
  const fullQuestion: Question = { ...QUESTION_DEFAULTS, ...question };
  for await (const event of engine.answer(fullQuestion, signal)) events.push(event);
  const deltas = events.flatMap((event) => (event.type === 'delta' ? event.text : []));
  const citations: Citation[] = events.flatMap((event) => (event.type === 'citation' ? event.citation : []));
  return { events, deltas, text: deltas.join(''), citations };
}
