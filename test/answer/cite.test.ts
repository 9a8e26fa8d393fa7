import { describe, expect, it } from 'vitest';
import { measureCitations } from '../../bench/eval/citations.ts';
import { chooseSourceMarks } from '../../src/answer/citation-markers.ts';
import { createCitationReader } from '../../src/answer/cite.ts';
import type { AnswerEvent } from '../../src/answer/engine.ts';
import type { Citation } from '../../src/domain/entities.ts';
import { articles } from '../helpers/articles.ts';
import { createHit } from '../helpers/models/hits.ts';

const refunds = createHit('We are glad when you are. Refunds are paid within 10 days of the return. Ask us.', {
  id: 'refunds',
  path: ['Refunds'],
});
const shipping = createHit('We ship from Oslo to all of Europe. Parcels to Norway take two days. No dogs, please.', {
  id: 'shipping',
  path: ['Shipping'],
});
const HITS = [refunds, shipping];

function readAll(deltas: readonly string[], hits = HITS) {
  const reader = createCitationReader(hits);
  const events: AnswerEvent[] = [...deltas.flatMap((delta) => reader.read(delta)), ...reader.end()];
  const text = events.map((event) => (event.type === 'delta' ? event.text : '')).join('');
  const citations: Citation[] = events.flatMap((event) => (event.type === 'citation' ? event.citation : []));
  return { events, text, citations };
}

/** Lists the passage and the covered words of each citation. */
function listCitations(answer: string, hits = HITS) {
  const { text, citations } = readAll([answer], hits);
  return citations.map(({ passageId, start, end }) => [passageId, text.slice(start, end)]);
}

describe('a citation', () => {
  it('covers the statement before its marker, and quotes the sentence that supports it', () => {
    const { text, citations } = readAll(['Hello! You get refunds within 10 days [1]. Anything else?']);
    expect(text).toBe('Hello! You get refunds within 10 days. Anything else?');
    expect(citations).toEqual([
      {
        passageId: 'refunds',
        sourceId: 'source of refunds',
        title: 'Shop',
        url: 'https://example.com/',
        quote: 'Refunds are paid within 10 days of the return.',
        start: 7,
        end: 37,
      },
    ]);
  });

  it.each([
    ['after the full stop', 'Refunds take 10 days.[1] Next', [['refunds', 'Refunds take 10 days.']]],
    [
      'in the middle of a sentence, and at its end',
      'Refunds take 10 days [1], parcels to Norway two [2].',
      [
        ['refunds', 'Refunds take 10 days'],
        ['shipping', 'parcels to Norway two'],
      ],
    ],
    [
      'twice',
      'Refunds after parcels from Norway [1][2].',
      [
        ['refunds', 'Refunds after parcels from Norway'],
        ['shipping', 'Refunds after parcels from Norway'],
      ],
    ],
    [
      'in a list',
      'Times:\n\n- refunds: 10 days [1]\n- parcels to Norway: two days [2]',
      [
        ['refunds', 'refunds: 10 days'],
        ['shipping', 'parcels to Norway: two days'],
      ],
    ],
    ['in a table', '| what | when |\n|---|---|\n| refunds | 10 days [1] |', [['refunds', 'refunds | 10 days']]],
    ['after a heading', 'Thanks.\n\n## Refunds [1]\n\nText', [['refunds', 'Refunds']]],
  ])('covers the statement before its marker: %s', (_, answer, expected) => {
    expect(listCitations(answer)).toEqual(expected);
  });

  it('comes right after the text that it covers, however the stream is split', () => {
    const answer =
      'Refunds are paid in 10 days [1]. Parcels 👍🏽 to Norway take two days 【2†source】 [1].\n\n`a[1]` [9]';
    const unsplit = readAll([answer]);
    expect(unsplit.citations).toHaveLength(2);
    for (let at = 0; at <= answer.length; at += 1) {
      const { events, text, citations } = readAll([answer.slice(0, at), answer.slice(at)]);
      expect({ text, citations }).toEqual({ text: unsplit.text, citations: unsplit.citations });
      let emitted = 0;
      for (const event of events) {
        if (event.type === 'delta') emitted += event.text.length;
        if (event.type === 'citation') expect(event.citation.end).toBe(emitted);
      }
    }
  });

  it('quotes the answer of a question-answer entry as a whole', () => {
    const entry = createHit('Open the menu.\n\nChoose Security.', {
      type: 'QA',
      path: ['How do I reset my password?'],
    });
    expect(readAll(['Choose Security in the menu [1].'], [entry]).citations[0]?.quote).toBe(entry.passage.text);
  });
});

describe("a source's own brackets", () => {
  const law = createHit('Refunds are paid within 10 days [2], see article [1]. The table is matrix[1][2].', {
    id: 'law',
  });

  it('stay in the answer and in the quote, beside citations', () => {
    const hits = [law, shipping];
    const marks = chooseSourceMarks(hits.map(({ passage }) => passage.text));
    const reader = createCitationReader(hits, marks);
    const answer =
      'Refunds are paid within 10 days [2]【1】. The table is matrix[1][2]. Parcels to Norway take two days【2】.';
    const events = [...reader.read(answer), ...reader.end()];
    const text = events.map((event) => (event.type === 'delta' ? event.text : '')).join('');
    expect(text).toBe(answer.replaceAll(/【\d】/g, ''));
    const citations = events.flatMap((event) => (event.type === 'citation' ? event.citation : []));
    expect(citations.map(({ passageId, quote, start, end }) => [passageId, quote, text.slice(start, end)])).toEqual([
      ['law', 'Refunds are paid within 10 days [2], see article [1].', 'Refunds are paid within 10 days [2]'],
      ['shipping', 'Parcels to Norway take two days.', 'Parcels to Norway take two days'],
    ]);
  });
});

describe('a marker without a citation', () => {
  it.each([
    ['if there is no such passage', 'Refunds take 10 days [3].'],
    ['if the passage does not support the statement', 'Bananas are yellow fruit from Brazil [1].'],
    ['after words without a statement', 'Sure, here is what I found for you [1].'],
    ['if no text precedes it', '[1] [2]'],
    ['after stop words only', 'It is as it is [1].'],
  ])('is removed %s', (_, answer) => {
    const { text, citations } = readAll([answer]);
    expect(citations).toEqual([]);
    expect(text).not.toMatch(/\[\d\]/);
  });

  it('is removed if the same passage and statement were cited before', () => {
    expect(listCitations('Refunds take 10 days [1] [1] 【1】.')).toHaveLength(1);
  });

  it('is removed after ten citations', () => {
    const answer = Array.from({ length: 30 }, (_, index) => `Refund ${index} takes 10 days [1].`).join(' ');
    expect(listCitations(answer)).toHaveLength(10);
  });
});

describe('an answer of 200,000 characters', () => {
  const SIZE = 200_000;
  const fill = (part: string) => part.repeat(Math.ceil(SIZE / part.length)).slice(0, SIZE);
  /** Measures the time in milliseconds for one delta, the best of three. */
  const measure = (answer: string) => {
    const times = [1, 2, 3].map(() => {
      const startedAt = performance.now();
      readAll([answer]);
      return performance.now() - startedAt;
    });
    return Math.min(...times);
  };
  const benign = fill(
    `Bananas are yellow fruit from Brazil [1].${' They are eaten by people and by apes.'.repeat(27)} `,
  );

  it.each([
    ['one after another', fill('[1][2]')],
    ['in one line', fill('Bananas [1] ')],
    ['each on its own line', fill('a\n[1]\n')],
    ['in a list', `Look:\n${fill('- a [1]\n')}`],
    ['after a long word', `${'x'.repeat(1_900)} ${fill('a [1] ')}`],
    ['after white space', `a${' '.repeat(SIZE / 2)}${fill('\n[1]').slice(0, SIZE / 2)}`],
    ['of many numbers', fill('z [1-2,1-2,1-2,1-2] ')],
  ])('takes less than 15 times as long with tens of thousands of markers as with 200: %s', (_, answer) => {
    expect(measure(answer)).toBeLessThan(15 * measure(benign));
  });

  it('is one delta if nothing is cited', () => {
    expect(readAll([`${fill('Bananas [1] ')}.`]).events).toHaveLength(1);
  });

  it('has a citation after 199 unsupported markers, and none after more', () => {
    const citedAfter = (count: number) => listCitations(`${'Bananas [1]. '.repeat(count)}Refunds take 10 days [1].`);
    expect([citedAfter(199), citedAfter(200)]).toEqual([[['refunds', 'Refunds take 10 days']], []]);
  });
});

describe('an answer in a different language than its source', () => {
  it.each([
    ['Chinese', '退款在十天内支付[1]。'],
    ['Russian', 'Деньги возвращаются через десять дней [1].'],
    ['German, recognized by its stop words', 'Das Geld gibt es nach der Rückgabe zurück [1].'],
    ['Turkish, recognized by its letters', 'Ödeme iade edildikten sonra yapılır [1].'],
    ['German, supported by a number', 'Erstattung: 10 Tage [1].'],
  ])('keeps its citations: %s', (_, answer) => {
    expect(listCitations(answer)).toHaveLength(1);
  });

  it('needs supporting words if the language is the same', () => {
    const source = createHit('Das Geld wird innerhalb von zehn Tagen nach der Rückgabe der Ware ausgezahlt.');
    expect(listCitations('Der Hund ist im Laden nicht erlaubt [1].', [source])).toEqual([]);
    expect(listCitations('Nach zehn Tagen wird das Geld ausgezahlt [1].', [source])).toHaveLength(1);
  });
});

it('keeps at least 99 % of the citations of right passages, and at most 3 % of those of wrong passages', () => {
  const { right, wrong } = measureCitations(articles);
  expect(right).toBeGreaterThanOrEqual(99);
  expect(wrong).toBeLessThanOrEqual(3);
});
