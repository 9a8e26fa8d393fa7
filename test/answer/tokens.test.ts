import type { LanguageModelV4Message } from '@ai-sdk/provider';
import { expect, it } from 'vitest';
import { estimateMessageTokens, estimateTokens } from '../../src/answer/tokens.ts';
import { articles } from '../helpers/articles.ts';

const ENGLISH = articles
  .slice(0, 5)
  .map(({ paragraphs }) =>
    paragraphs
      .slice(0, 3)
      .map(({ context }) => context)
      .join('\n'),
  )
  .join('\n');

/** Samples with their number of tokens by `o200k_base`, counted with the package gpt-tokenizer. */
const SAMPLES: [string, number, string][] = [
  ['English', 1_319, ENGLISH],
  ['German', 21, 'Die Kaution beträgt drei Monatsmieten. Sie wird sechs Monate nach dem Auszug zurückgezahlt.'],
  [
    'Russian',
    30,
    'Доставка по Москве занимает два дня, в другие города — до недели. Если товар повреждён, свяжитесь с нашей службой поддержки.',
  ],
  [
    'Arabic',
    33,
    'يستغرق التوصيل داخل المدينة يومين، وإلى المدن الأخرى حتى أسبوع. إذا كان المنتج تالفًا فيرجى الاتصال بخدمة العملاء.',
  ],
  ['Hindi', 32, 'शहर के भीतर डिलीवरी में दो दिन लगते हैं। यदि उत्पाद क्षतिग्रस्त है तो कृपया ग्राहक सेवा से संपर्क करें।'],
  ['Thai', 26, 'การจัดส่งภายในกรุงเทพใช้เวลาสองวัน หากสินค้าเสียหาย โปรดติดต่อฝ่ายบริการลูกค้า'],
  ['Chinese', 24, '北京市内配送需要两天，其他城市最多需要一周。如果商品损坏，请联系我们的客户服务部门。'],
  ['Japanese', 20, '東京都内への配送は二日、その他の都市へは最大一週間かかります。'],
  ['Korean', 19, '서울 시내 배송은 이틀, 다른 도시는 최대 일주일이 걸립니다.'],
  [
    'TypeScript',
    28,
    'export function sum(values: readonly number[]): number {\n  return values.reduce((total, value) => total + value, 0);\n}\n',
  ],
  ['JSON', 32, '{"id":"msg_1","role":"USER","content":"Hello","usage":{"input":12,"output":345},"tags":["a","b"]}'],
];

it.each(SAMPLES)('estimates about as many tokens as a tokenizer counts: %s', (_, tokens, text) => {
  expect(Math.abs(estimateTokens(text) / tokens - 1)).toBeLessThanOrEqual(0.25);
});

it('estimates 0 for an empty text, and 1 for the shortest', () => {
  expect(estimateTokens('')).toBe(0);
  expect(estimateTokens(' ')).toBe(1);
});

it('counts all parts of a prompt, with an overhead for each message', () => {
  const call = { type: 'tool-call', toolCallId: '1', toolName: 'capture_lead', input: { name: 'Ada' } } as const;
  const messages: LanguageModelV4Message[] = [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'One' }] },
    { role: 'assistant', content: [{ type: 'reasoning', text: 'Well' }] },
  ];
  const counts = [0, 1, 2, 3].map((end) => estimateMessageTokens(messages.slice(0, end)));
  expect(counts[0]).toBe(0);
  expect(counts.every((count, index) => index === 0 || count > (counts[index - 1] ?? 0) + 4)).toBe(true);
  expect(estimateMessageTokens([{ role: 'assistant', content: [call] }])).toBeGreaterThan(15);
});

it('is fast for a long text', () => {
  const start = performance.now();
  estimateTokens('word 字 '.repeat(200_000));
  expect(performance.now() - start).toBeLessThan(500);
});
