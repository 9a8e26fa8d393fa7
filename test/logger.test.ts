import { expect, it } from 'vitest';
import { createLogger } from '../src/logger.ts';

function log(line: object): string {
  const lines: string[] = [];
  createLogger('debug', { write: (text) => void lines.push(text) }).error(line, 'failed');
  return lines.join('');
}

it("logs an error's name, message, causes, code and position", () => {
  const error = Object.assign(new TypeError('It broke.', { cause: new Error('Connection lost.') }), {
    code: 'EBROKEN',
  });
  expect(JSON.parse(log({ err: error, messageId: '1' }))).toMatchObject({
    msg: 'failed',
    messageId: '1',
    err: {
      type: 'TypeError',
      message: 'It broke.: Connection lost.',
      code: 'EBROKEN',
      stack: expect.stringMatching(/logger\.test\.ts[\s\S]*Connection lost/),
    },
  });
  expect(JSON.parse(log({ err: 'text' }))).toMatchObject({ err: { message: 'text' } });
});

it('omits the request, the response and the data of an error, and credentials', () => {
  const cause = Object.assign(new Error('cause'), { responseBody: 'a-secret' });
  const secretFields = { requestBodyValues: { prompt: 'a-secret' }, responseHeaders: { authorization: 'a-secret' } };
  const lines = [
    log({ err: Object.assign(new Error('It broke.', { cause }), secretFields) }),
    log({ err: new AggregateError([Object.assign(new Error('one'), { data: 'a-secret' })], 'many') }),
    log({ apiKey: 'a-secret', authorization: 'a-secret' }),
    log({ headers: { authorization: 'a-secret', 'x-api-key': 'a-secret' } }),
  ];
  for (const line of lines) expect(line).not.toContain('a-secret');
});

it('escapes terminal and text direction controls, and remains valid JSON', () => {
  const text = 'a\u001b[2J\u009b31m\u007f\u202eb\u2066\n\u2028';
  const line = log({ err: new Error(text), [text]: text });
  expect(line.trimEnd()).toMatch(/^[^\p{Cc}\p{Bidi_Control}\u2028]+$/u);
  expect(JSON.parse(line)).toMatchObject({ [text]: text, err: { message: text } });
});
