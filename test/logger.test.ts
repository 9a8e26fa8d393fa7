import { expect, it } from 'vitest';
import { createLogger } from '../src/logger.ts';

function log(line: object): string {
  const lines: string[] = [];
  createLogger('debug', { write: (text) => void lines.push(text) }).error(line, 'failed');
  return lines.join('');
}

it('tells of an error its name, its words and those of its causes, its code and its place', () => {
  const error = Object.assign(new TypeError('It broke.', { cause: new Error('A wire.') }), { code: 'EBROKEN' });
  expect(JSON.parse(log({ err: error, messageId: '1' }))).toMatchObject({
    msg: 'failed',
    messageId: '1',
    err: {
      type: 'TypeError',
      message: 'It broke.: A wire.',
      code: 'EBROKEN',
      stack: expect.stringMatching(/logger\.test\.ts[\s\S]*A wire/),
    },
  });
  expect(JSON.parse(log({ err: 'text' }))).toMatchObject({ err: { message: 'text' } });
});

it('tells nothing else that hangs on an error, and no credential', () => {
  const cause = Object.assign(new Error('cause'), { responseBody: 'a-secret' });
  const carried = { requestBodyValues: { prompt: 'a-secret' }, responseHeaders: { authorization: 'a-secret' } };
  const lines = [
    log({ err: Object.assign(new Error('It broke.', { cause }), carried) }),
    log({ err: new AggregateError([Object.assign(new Error('one'), { data: 'a-secret' })], 'many') }),
    log({ apiKey: 'a-secret', authorization: 'a-secret' }),
    log({ headers: { authorization: 'a-secret', 'x-api-key': 'a-secret' } }),
  ];
  for (const line of lines) expect(line).not.toContain('a-secret');
});
