import { Marked } from 'marked';
import { describe, expect, it } from 'vitest';
import { chooseSourceMarks, createMarkerReader } from '../src/answer/citation-markers.ts';
import { createCitationReader } from '../src/answer/cite.ts';
import type { Question } from '../src/answer/engine.ts';
import { composeFollowUpPrompt, readFollowUps, suggestFromSources } from '../src/answer/follow-ups.ts';
import { readLanguage } from '../src/answer/languages.ts';
import { findBlocks } from '../src/answer/markdown-blocks.ts';
import { composePrompt } from '../src/answer/prompt.ts';
import { readQuestionForm } from '../src/answer/question-form.ts';
import { chooseQuotes } from '../src/answer/quotes.ts';
import type { Hit } from '../src/answer/retrieve.ts';
import { splitSentences } from '../src/answer/sentences.ts';
import { findStatement } from '../src/answer/statements.ts';
import { estimateTokens } from '../src/answer/tokens.ts';
import { text as inputText } from '../src/domain/input.ts';
import { parseTextQuery, toMessageWords } from '../src/domain/language/message-words.ts';
import { toContentTerms, toQueryWords, toTerms } from '../src/domain/language/terms.ts';
import { createRedact } from '../src/models/redact.ts';
import { createStopFilter } from '../src/models/stop-markers.ts';
import { readSource } from '../src/sources/read-source.ts';
import { insertMarks, insertSpanMarks, splitAtMarks } from '../src/web/chat/citation-marks.ts';
import { isCheapToParse } from '../src/web/chat/markdown-cost.ts';
import { findQuote as findQuoteInPassage } from '../src/web/chat/quote.ts';
import { QUESTION_DEFAULTS } from './helpers/models/answers.ts';

/** The pieces of the texts: characters that patterns repeat, and opening delimiters that may never be closed. */
const UNITS = [
  ...[
    '-',
    ' ',
    '|',
    '.',
    '_',
    '*',
    '[',
    '\u0301',
    '`',
    '~',
    '\n',
    '(',
    '"',
    '<',
    '!',
    '\\',
    '\u200d',
    '\ud800',
    'a',
    '中',
    'ส',
    'ﷺ',
  ],
  ...[
    '# ',
    '- ',
    '> ',
    '1.',
    'a.',
    '?\n',
    '[1]',
    '[1,',
    '[a](',
    '</s>',
    '//',
    'key=',
    '**',
    'a*',
    '👩\u200d',
    '中。',
    'Mr. ',
    'a, A',
  ],
  ...[
    '-a ',
    ' - ',
    'what is ',
    'a is ',
    'Ab. Cd! ',
    '|a|\n|-|\n',
    '\n- ',
    'a:\n- b\n',
    '```\n',
    'a\n===\n',
    '### a\n',
    '["a",',
    '\u0301\u200b',
  ],
];

/** The time limit per text: a linear-time function takes milliseconds, a cubic-time function takes hours. */
const MAX_MS = 10_000;

function hitOf(text: string, sourceType: Hit['sourceType']): Hit {
  const headingPath = [text.slice(0, 200)];
  const passage = { id: 'p', accountId: '', chatbotId: '', sourceId: 's', position: 0, headingPath, text };
  return { passage, title: text.slice(0, 200), url: null, sourceType, score: 1 };
}

function questionOf(content: string, text: string, sourceType: Hit['sourceType'] = 'TEXT'): Question {
  const words = toQueryWords(text).map((word) => ({ ...word, weight: 1 }));
  const history = [{ role: 'USER', content: text }] as const;
  return {
    ...QUESTION_DEFAULTS,
    content,
    history,
    retrieval: { hits: [hitOf(text, sourceType)], confidence: 1, words, correctedQuestion: null },
  };
}

function readByCharacter(read: (piece: string) => unknown, text: string): void {
  for (const character of text) read(character);
}

const QUESTIONS = ['What is a thing?', 'When?', 'How many?', 'Who?', 'Where?', 'Why?'];
const redact = createRedact(['secret-of-somebody']);
const marked = new Marked({ gfm: true, tokenizer: { html: () => undefined, tag: () => undefined } });
const citationUpTo = (end: number) => ({ number: 1, passage: null, title: '', url: null, quote: '', start: 0, end });

/** All functions that process texts of users, sources and models, by name. */
const TEXT_FUNCTIONS: Readonly<Record<string, (text: string) => unknown>> = {
  inputText: (text) => inputText(1, 100_000).safeParse(text),
  toTerms,
  toContentTerms,
  toQueryWords,
  toMessageWords,
  parseTextQuery,
  estimateTokens,
  readLanguage,
  splitSentences: (text) => splitSentences(text, { start: 0, end: text.length }),
  findBlocks,
  readQuestionForm,
  findStatement: (text) => findStatement(text, 0),
  readSource: (text) => readSource({ content: { text } }),
  'chooseQuotes from a question-answer entry': (text) =>
    QUESTIONS.map((question) => chooseQuotes(question, questionOf('', text, 'QA').retrieval)),
  'chooseQuotes from a text': (text) => chooseQuotes('Who?', questionOf('', text).retrieval),
  'chooseQuotes for a question': (text) => chooseQuotes(text, questionOf('', 'A thing.').retrieval),
  suggestFromSources: (text) => suggestFromSources(questionOf(text, text), []),
  composePrompt: (text) => composePrompt(questionOf(text, text)),
  composeFollowUpPrompt: (text) => composeFollowUpPrompt(questionOf(text, text), text),
  readFollowUps: (text) => [readFollowUps(text, [text]), readFollowUps(JSON.stringify([text]), [text])],
  createMarkerReader(text) {
    readByCharacter(createMarkerReader(9).read, text);
    return createMarkerReader(9).read(text);
  },
  chooseSourceMarks: (text) => chooseSourceMarks([text, `${text}【1】`]),
  createCitationReader(text) {
    const reader = createCitationReader([hitOf(text, 'TEXT')]);
    return [reader.read(text), ...Array.from({ length: 20 }, () => reader.read(`${text.slice(0, 900)}. a [1] `))];
  },
  'createStopFilter in code': (text) =>
    readByCharacter(createStopFilter().push, `\`\`\`\n${`<|end|>${text}`.repeat(3)}`),
  createStopFilter(text) {
    const filter = createStopFilter();
    readByCharacter(filter.push, text);
    return createStopFilter().push(text);
  },
  redact,
  insertMarks: (text) => insertMarks(text, [citationUpTo(text.length / 2), citationUpTo(text.length)]),
  insertSpanMarks: (text) => insertSpanMarks(text, text.length / 2, text.length),
  splitAtMarks,
  findQuoteInPassage: (text) => findQuoteInPassage(text, `${text.slice(0, text.length / 2)}x`),
  'the Markdown of the chat page': (text) => isCheapToParse(text) && marked.parse(text),
};

describe.each(Object.entries(TEXT_FUNCTIONS))('%s', (_name, read) => {
  it('takes time linear in the length of any text', { timeout: 300_000 }, () => {
    for (const unit of UNITS) {
      // Shorter texts first, so that quadratic or cubic time is detected before it takes too long.
      for (const length of [1_000, 5_000, 20_000]) {
        const start = performance.now();
        read(unit.repeat(Math.ceil(length / unit.length)));
        expect(performance.now() - start, `${length} of ${JSON.stringify(unit)}`).toBeLessThan(MAX_MS);
      }
    }
  });
});

describe('the Markdown of the chat page', () => {
  it('parses a full-length answer with every element of Markdown', () => {
    const part =
      '## Title\n\nSome *words*, [a link](https://a.example/x_y) and `code` **here**. Much more!\n\n- one\n  - two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n';
    expect(isCheapToParse(part.repeat(1_300))).toBe(true);
  });

  it.each(['!', 'a*', '__a', '> ', '1. ', 'a**b'])('shows 20,000 characters of repeated "%s" as plain text', (unit) => {
    expect(isCheapToParse(unit.repeat(20_000 / unit.length))).toBe(false);
  });
});
