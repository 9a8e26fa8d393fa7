import { describe, expect, it } from 'vitest';
import type { Provider } from '../../src/domain/providers.ts';
import { type ScriptedResponse, startScriptedServer } from '../helpers/models/scripted-server.ts';
import { createProviderClient, readSteps, TOOL } from './support.ts';

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (delta: object, reason?: string | null) =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: reason }],
  });
const text = (content: string, reason: string | null = null) => chunk({ content }, reason);
const finish = (reason: string) => chunk({}, reason);
const usage = data({ id: 'c', choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 } });
const DONE = 'data: [DONE]\n\n';
const HELLO = [text('Hello'), text(' world')];
const completion = (choice: object, more: object = {}) =>
  JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [choice], ...more });
const JSON_HEADERS = { 'content-type': 'application/json' };

/** Asks a server that answers with the scripted responses. */
async function ask(
  response: ScriptedResponse,
  { provider = 'open' as Provider, timeoutMs = 3_000, tools = false } = {},
) {
  const server = await startScriptedServer(response);
  const { open } = createProviderClient(provider, server, timeoutMs);
  const { text, finish, failure, code, calls, reasoning } = await readSteps(open(tools ? { tools: [TOOL] } : {}));
  const detail = failure instanceof Error ? failure.message : undefined;
  return { text, reasoning, finish, code, detail, calls, requestCount: server.requestCount };
}

describe('an answer is complete', () => {
  it.each<[string, ScriptedResponse]>([
    ['after a finish reason and [DONE]', { steps: [...HELLO, finish('stop'), DONE] }],
    ['after [DONE] without a finish reason', { steps: [...HELLO, DONE] }],
    ['after [DONE] on a connection that stays open', { steps: [...HELLO, DONE, 'hang'] }],
    ['after [DONE] on a connection that is reset', { steps: [...HELLO, DONE, 'reset'] }],
    ['after a finish reason, without [DONE]', { steps: [...HELLO, finish('stop')] }],
    ['after a finish reason with the last text', { steps: [text('Hello'), text(' world', 'stop')] }],
    ['after a finish reason on a connection that stays open', { steps: [...HELLO, finish('stop'), 'hang'] }],
    ['after a finish reason on a connection that is reset', { steps: [...HELLO, finish('eos'), 20, 'reset'] }],
    ['after a finish reason on a connection that closes early', { steps: [...HELLO, finish('stop'), 20, 'close'] }],
    ...['eos', 'eos_token', 'end_turn', 'stop_sequence', 'COMPLETE', 'STOP', 'finished', 'unknown'].map(
      (reason): [string, ScriptedResponse] => [
        `after the finish reason ${reason}`,
        { steps: [...HELLO, finish(reason)] },
      ],
    ),
    ['at the end of the body, without a finish reason', { steps: HELLO }],
    ['at the end of the body, with empty finish reasons', { steps: [text('Hello', ''), text(' world', '')] }],
    ['at the end of a body that the connection delimits', { steps: HELLO, isDelimitedByClose: true }],
    ['without the last blank line', { steps: [text('Hello'), text(' world').trimEnd()] }],
    [
      'with line breaks of Windows',
      { steps: [...HELLO, finish('stop'), DONE].map((step) => step.replaceAll('\n', '\r\n')) },
    ],
    [
      'with line breaks of old Macs',
      { steps: [...HELLO, finish('stop'), DONE].map((step) => step.replaceAll('\n', '\r')) },
    ],
    ['with a byte order mark', { steps: ['\uFEFF', ...HELLO, DONE] }],
    [
      'without spaces after the colons',
      { steps: [...HELLO, finish('stop'), DONE].map((step) => step.replace(': ', ':')) },
    ],
    [
      'with one line break between events',
      { steps: [...HELLO, finish('stop'), DONE].map((step) => step.replace('\n\n', '\n')) },
    ],
    ['with names and ids of events', { steps: HELLO.map((step) => `id: 1\nevent: message\nretry: 5\n${step}`) }],
    [
      'with chunks that have no text',
      {
        steps: [
          ': OPENROUTER PROCESSING\n\n',
          data({ choices: [], prompt_filter_results: [{}] }),
          chunk({ role: 'assistant', content: '' }),
          chunk({ role: 'tool', content: null }),
          data({ type: 'ping' }),
          data({}),
          'data:\n\n',
          'event: ping\n\n',
          ...HELLO,
          data({ choices: [{ index: 0, finish_reason: 'stop' }], usage: null, error: null }),
          data({ choices: null, usage: { prompt_tokens: 'many' }, error: {} }),
        ],
      },
    ],
    [
      'as one JSON value',
      {
        steps: [completion({ message: { role: 'assistant', content: 'Hello world' }, finish_reason: 'stop' })],
        headers: JSON_HEADERS,
      },
    ],
    [
      'as one JSON value without a finish reason',
      { steps: ['\n\n ', completion({ message: { content: 'Hello world' } })] },
    ],
    ['as one JSON value with [DONE]', { steps: [completion({ message: { content: 'Hello world' } }), '\n\n', DONE] }],
    [
      'as one JSON value of a stream',
      { steps: [completion({ message: { content: 'Hello world' }, finish_reason: 'eos' }).replace(/^/, 'data: ')] },
    ],
    [
      'with messages instead of deltas',
      { steps: ['Hello', ' world'].map((content) => data({ choices: [{ message: { content } }] })) },
    ],
  ])('%s', async (_, response) => {
    const { text, finish, code, requestCount } = await ask(response);
    expect({ text, code, reason: finish?.reason, requestCount }).toEqual({
      text: 'Hello world',
      code: undefined,
      reason: 'STOP',
      requestCount: 1,
    });
  });

  it.each<[string, ScriptedResponse]>([
    ['in a chunk after the finish reason', { steps: [...HELLO, finish('stop'), 30, usage, DONE] }],
    ['in a chunk after the finish reason, without [DONE]', { steps: [...HELLO, finish('stop'), usage, 'hang'] }],
    [
      'in one JSON value',
      {
        steps: [
          completion({ message: { content: 'Hello world' } }, { usage: { prompt_tokens: 9, completion_tokens: 2 } }),
        ],
      },
    ],
  ])('with its usage: %s', async (_, response) => {
    expect((await ask(response)).finish?.usage).toMatchObject({ inputTokens: 9, outputTokens: 2 });
  });

  it.each([
    ['max_tokens', 'LENGTH'],
    ['MAX_TOKENS', 'LENGTH'],
    ['model_length', 'LENGTH'],
    ['safety', 'CONTENT_FILTER'],
  ])('but incomplete after the finish reason %s', async (reason, expected) => {
    expect((await ask({ steps: [...HELLO, finish(reason), DONE] })).finish?.reason).toBe(expected);
  });

  it.each<Provider>(['open', 'deepseek', 'qwen', 'glm'])(
    'with its tool calls and reasoning, as one JSON value of %s',
    async (provider) => {
      const call = { id: 'x', type: 'function', function: { name: TOOL.name, arguments: '{"reason":"a"}' } };
      const message = { role: 'assistant', content: null, reasoning_content: 'Hm.', tool_calls: [call] };
      const { calls, finish, reasoning } = await ask(
        { steps: [completion({ message, finish_reason: 'tool_calls' })] },
        { provider, tools: true },
      );
      expect(calls).toMatchObject([{ toolCallId: 'x', toolName: TOOL.name, input: '{"reason":"a"}' }]);
      expect([finish?.reason, reasoning]).toEqual(['TOOLS', 'Hm.']);
    },
  );
});

describe('an answer is incomplete', () => {
  it.each<[string, ScriptedResponse]>([
    ['when the connection is reset', { steps: [text('Hello'), 20, 'reset'] }],
    ['when a body in chunks has no last chunk', { steps: [text('Hello'), 20, 'close'] }],
    [
      'when a body is shorter than its Content-Length',
      { steps: [text('Hello'), 20, 'close'], headers: { 'content-length': '9999' } },
    ],
    ['after a finish reason that names a failure', { steps: [text('Hello'), finish('error'), DONE] }],
    ['after the finish reason abort', { steps: [text('Hello'), finish('abort')] }],
  ])('%s', async (_, response) => {
    const { text, code, finish, requestCount } = await ask(response);
    expect({ text, code, finish, requestCount }).toEqual({
      text: 'Hello',
      code: 'PROVIDER_UNAVAILABLE',
      finish: undefined,
      requestCount: 1,
    });
  });

  it('when a JSON value is shorter than its Content-Length', async () => {
    const body = completion({ message: { content: 'Hello' } });
    const { text, code } = await ask({
      steps: [body, 20, 'close'],
      headers: { 'content-length': `${body.length + 9}` },
    });
    expect([text, code]).toEqual(['', 'PROVIDER_UNAVAILABLE']);
  });
});

describe('bytes from the server', () => {
  it('restart the timeouts before and after the first token', async () => {
    const signs = [
      ': OPENROUTER PROCESSING\n\n',
      ': ping\n',
      '\n',
      chunk({ role: 'assistant', content: '' }),
      chunk({}),
      data({ choices: [] }),
      'event: ping\ndata: {"type":"ping"}\n\n',
    ];
    const answers = await Promise.all(
      signs.map((sign) => {
        const pause = Array.from({ length: 6 }, () => [sign, 60]).flat();
        return ask({ steps: [...pause, text('Hello'), ...pause, text(' world'), DONE] }, { timeoutMs: 300 });
      }),
    );
    expect(answers.map(({ text, code }) => [text, code])).toEqual(signs.map(() => ['Hello world', undefined]));
  });

  it('restart the timeouts before a JSON value', async () => {
    const pause = Array.from({ length: 6 }, () => ['\n', 60]).flat();
    const answer = await ask({ steps: [...pause, completion({ message: { content: 'Hello' } })] }, { timeoutMs: 250 });
    expect(answer.text).toBe('Hello');
  });

  it('do not extend the time limit of the caller', async () => {
    const server = await startScriptedServer({ steps: Array.from({ length: 200 }, () => [': ping\n\n', 20]).flat() });
    const { open } = createProviderClient('open', server, 3_000);
    const startedAt = performance.now();
    const { code } = await readSteps(open({}, AbortSignal.timeout(300)));
    expect(code).toBe('PROVIDER_UNAVAILABLE');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});

describe('a request with an error in a successful response', () => {
  const MESSAGE = 'model requires more system memory (12 GiB) than is available (8 GiB)';

  it.each<[string, string]>([
    ['of OpenAI', data({ error: { message: MESSAGE, type: 'server_error', param: null, code: null } })],
    [
      'of OpenRouter',
      data({
        id: 'c',
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
        error: { code: 502, message: MESSAGE },
      }),
    ],
    ['of Ollama', data({ error: MESSAGE })],
    ['of vLLM', data({ object: 'error', message: MESSAGE, type: 'InternalServerError', param: null, code: 500 })],
    ['of TGI', data({ error: MESSAGE, error_type: 'generation' })],
    ['of LM Studio', `event: error\n${data({ error: { message: MESSAGE }, message: MESSAGE })}`],
    ['of llama.cpp', `error: ${JSON.stringify({ code: 500, message: MESSAGE, type: 'server_error' })}\n\n`],
    ['as a text', `event: error\ndata: ${MESSAGE}\n\n`],
    ['as JSON', JSON.stringify({ error: { message: MESSAGE, type: 'server_error' } })],
    ['as JSON of Ollama', JSON.stringify({ error: MESSAGE })],
    ['as JSON of FastAPI', JSON.stringify({ detail: MESSAGE })],
    ['as JSON in a list', JSON.stringify([{ error: { message: MESSAGE } }])],
  ])("fails in the server's words, and is not repeated: %s", async (_, body) => {
    for (const provider of ['open', 'deepseek'] as const) {
      const { text, code, detail, requestCount } = await ask({ steps: [body, DONE] }, { provider });
      expect({ text, code, requestCount }).toEqual({ text: '', code: 'PROVIDER_UNAVAILABLE', requestCount: 1 });
      expect(detail).toContain(MESSAGE);
    }
  });

  it.each([
    [{ message: 'Rate limit reached', type: 'rate_limit_error', code: 429 }, 'PROVIDER_RATE_LIMITED'],
    [{ message: 'The maximum context length is 8192 tokens', code: 400 }, 'CONTEXT_TOO_LONG'],
    [{ message: 'No such model', code: 404 }, 'PROVIDER_MISCONFIGURED'],
  ])('fails with the code of the error: %o', async (error, expected) => {
    const { code, detail, requestCount } = await ask({ steps: [chunk({ role: 'assistant' }), data({ error })] });
    expect([code, requestCount]).toEqual([expected, 1]);
    expect(detail).toContain(error.message);
  });

  it.each(['data: <html>', '{"choices": [{"message": {"content": "Hel'])(
    'is not repeated if the response cannot be read: %s',
    async (body) => {
      const { code, requestCount } = await ask({ steps: [body] });
      expect([code, requestCount]).toEqual(['PROVIDER_UNAVAILABLE', 1]);
    },
  );

  it('keeps the text before the error', async () => {
    const {
      text: answer,
      code,
      detail,
    } = await ask({ steps: [text('Hello') + data({ error: { message: MESSAGE } })] });
    expect([answer, code]).toEqual(['Hello', 'PROVIDER_UNAVAILABLE']);
    expect(detail).toContain(MESSAGE);
  });
});
