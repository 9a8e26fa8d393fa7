import { type Protocol, type ProviderAnswer, type RefusalReason, SIGNATURE, USAGE, writeEvent } from './answer.ts';

const REFUSALS: Record<RefusalReason, [status: number, type: string, message: string]> = {
  invalidKey: [401, 'authentication_error', 'invalid x-api-key KEY'],
  unknownModel: [404, 'not_found_error', 'model: claude-none'],
  rateLimit: [429, 'rate_limit_error', 'Number of requests has exceeded your per-minute rate limit.'],
  quota: [
    400,
    'invalid_request_error',
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ],
  serverError: [529, 'overloaded_error', 'Overloaded'],
  promptTooLong: [400, 'invalid_request_error', 'prompt is too long: 208310 tokens > 200000 maximum'],
  filtered: [400, 'invalid_request_error', 'Output blocked by content filtering policy'],
};

/** Anthropic's messages API. Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming */
export const anthropicMessages: Protocol = {
  path: /^\/messages$/,
  writeEvents: writeMessage,
  writeError: (message) => writeEvent({ type: 'error', error: { type: 'api_error', message } }, 'error'),
  refuse(reason, key) {
    const [status, type, message] = REFUSALS[reason];
    return {
      status,
      body: { type: 'error', error: { type, message: message.replace('KEY', key) }, request_id: 'req_1' },
    };
  },
};

function writeMessage(
  { reasoning = [], text = [], tool, finish, usage = USAGE }: ProviderAnswer,
  model: string,
): string[] {
  const events: string[] = [];
  const write = (type: string, data: object = {}) => events.push(writeEvent({ type, ...data }, type));
  let index = 0;
  const writeBlock = (block: object, deltas: readonly object[]) => {
    write('content_block_start', { index, content_block: block });
    for (const delta of deltas) write('content_block_delta', { index, delta });
    write('content_block_stop', { index });
    index++;
  };
  const { input, cached, output, reasoning: thinking } = usage ?? { input: 0, cached: 0, output: 0, reasoning: 0 };
  const inputUsage = { input_tokens: input - cached, cache_creation_input_tokens: 0, cache_read_input_tokens: cached };
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
  write('message_start', { message: { ...message, usage: { ...inputUsage, output_tokens: usage ? 1 : 0 } } });
  write('ping');
  if (reasoning.length > 0)
    writeBlock({ type: 'thinking', thinking: '', signature: '' }, [
      ...reasoning.map((piece) => ({ type: 'thinking_delta', thinking: piece })),
      { type: 'signature_delta', signature: SIGNATURE },
    ]);
  if (text.length > 0)
    writeBlock(
      { type: 'text', text: '' },
      text.map((piece) => ({ type: 'text_delta', text: piece })),
    );
  if (tool !== undefined) {
    const json = JSON.stringify(tool.input);
    const pieces = ['', json.slice(0, 3), json.slice(3)];
    writeBlock(
      { type: 'tool_use', id: 'toolu_1', name: tool.name, input: {} },
      pieces.map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
    );
  }
  const reason = finish === 'length' ? 'max_tokens' : finish === 'filter' ? 'refusal' : tool ? 'tool_use' : 'end_turn';
  write('message_delta', {
    delta: { stop_reason: reason, stop_sequence: null },
    usage: { ...inputUsage, output_tokens: output, output_tokens_details: { thinking_tokens: thinking } },
  });
  write('message_stop');
  return events;
}
