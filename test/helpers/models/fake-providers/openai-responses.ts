import { type Protocol, type ProviderAnswer, type RefusalReason, SIGNATURE, USAGE, writeEvent } from './answer.ts';

const REFUSALS: Record<RefusalReason, [status: number, type: string, code: string | null, message: string]> = {
  invalidKey: [
    401,
    'invalid_request_error',
    'invalid_api_key',
    'Incorrect API key provided: KEY. You can find your API key at https://platform.openai.com/account/api-keys.',
  ],
  unknownModel: [404, 'invalid_request_error', 'model_not_found', 'The requested model does not exist.'],
  rateLimit: [
    429,
    'requests',
    'rate_limit_exceeded',
    'Rate limit reached for the model in organization org-1 on requests per min (RPM): Limit 3, Used 3, Requested 1.',
  ],
  quota: [
    429,
    'insufficient_quota',
    'insufficient_quota',
    'You exceeded your current quota, please check your plan and billing details.',
  ],
  serverError: [500, 'server_error', null, 'The server had an error while processing your request. Sorry about that!'],
  promptTooLong: [
    400,
    'invalid_request_error',
    'context_length_exceeded',
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
  ],
  filtered: [
    400,
    'invalid_request_error',
    'invalid_prompt',
    'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
  ],
};

/** OpenAI's responses API. Source: https://platform.openai.com/docs/api-reference/responses-streaming */
export const openaiResponses: Protocol = {
  path: /^\/responses$/,
  writeEvents: writeResponses,
  writeError,
  refuse(reason, key) {
    const [status, type, code, message] = REFUSALS[reason];
    return { status, body: { error: { message: message.replace('KEY', key), type, param: null, code } } };
  },
};

const XAI_REFUSALS: Record<RefusalReason, [status: number, code: string, error: string]> = {
  invalidKey: [
    400,
    'Client specified an invalid argument',
    'Incorrect API key provided: KEY. You can obtain an API key from https://console.x.ai.',
  ],
  unknownModel: [
    404,
    'Some requested entity was not found',
    'The model does not exist or your team does not have access to it.',
  ],
  rateLimit: [
    429,
    'Some resource has been exhausted',
    'Too many requests for your team. Your rate limit is 60 per minute.',
  ],
  quota: [
    429,
    'Some resource has been exhausted',
    'Your team has either used all available credits or reached its monthly spending limit.',
  ],
  serverError: [500, 'The service is currently unavailable', 'Internal error.'],
  promptTooLong: [
    400,
    'Client specified an invalid argument',
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  ],
  filtered: [
    403,
    'The caller does not have permission',
    'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO',
  ],
};

/** xAI's responses API: OpenAI's events, but other errors. Source: https://docs.x.ai/docs/api-reference */
export const xaiResponses: Protocol = {
  path: /^\/responses$/,
  writeEvents: writeResponses,
  writeError,
  refuse(reason, key) {
    const [status, code, error] = XAI_REFUSALS[reason];
    return { status, body: { code, error: error.replace('KEY', key) } };
  },
};

function writeError(message: string): string {
  return writeEvent({ type: 'error', sequence_number: 99, code: 'server_error', message, param: null }, 'error');
}

function writeResponses(
  { reasoning = [], text = [], tool, finish, usage = USAGE }: ProviderAnswer,
  model: string,
): string[] {
  const events: string[] = [];
  const output: object[] = [];
  const write = (type: string, data: object) => {
    events.push(writeEvent({ type, sequence_number: events.length, ...data }, type));
  };
  const response = { id: 'resp_1', object: 'response', created_at: 1_790_000_000, model, service_tier: 'default' };
  const started = { ...response, status: 'in_progress', output: [], incomplete_details: null, usage: null };
  write('response.created', { response: started });
  write('response.in_progress', { response: started });
  if (reasoning.length > 0) {
    const at = { item_id: 'rs_1', output_index: output.length, summary_index: 0 };
    const item = {
      type: 'reasoning',
      id: at.item_id,
      summary: [] as object[],
      encrypted_content: SIGNATURE,
      status: 'in_progress',
    };
    write('response.output_item.added', { output_index: at.output_index, item });
    write('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
    for (const delta of reasoning) write('response.reasoning_summary_text.delta', { ...at, delta });
    const part = { type: 'summary_text', text: reasoning.join('') };
    write('response.reasoning_summary_text.done', { ...at, text: part.text });
    write('response.reasoning_summary_part.done', { ...at, part });
    output.push({ ...item, summary: [part], status: 'completed' });
    write('response.output_item.done', { output_index: at.output_index, item: output.at(-1) });
  }
  if (text.length > 0) {
    const at = { item_id: 'msg_1', output_index: output.length, content_index: 0 };
    const item = { type: 'message', id: at.item_id, role: 'assistant', status: 'in_progress', content: [] as object[] };
    write('response.output_item.added', { output_index: at.output_index, item });
    write('response.content_part.added', {
      ...at,
      part: { type: 'output_text', text: '', annotations: [], logprobs: [] },
    });
    for (const delta of text) write('response.output_text.delta', { ...at, delta, logprobs: [] });
    const part = { type: 'output_text', text: text.join(''), annotations: [], logprobs: [] };
    write('response.output_text.done', { ...at, text: part.text, logprobs: [] });
    write('response.content_part.done', { ...at, part });
    output.push({ ...item, status: 'completed', content: [part] });
    write('response.output_item.done', { output_index: at.output_index, item: output.at(-1) });
  }
  if (tool !== undefined) {
    const at = { item_id: 'fc_1', output_index: output.length };
    const item = {
      type: 'function_call',
      id: at.item_id,
      call_id: 'call_1',
      name: tool.name,
      arguments: '',
      status: 'in_progress',
    };
    const input = JSON.stringify(tool.input);
    write('response.output_item.added', { output_index: at.output_index, item });
    write('response.function_call_arguments.delta', { ...at, delta: input.slice(0, 3) });
    write('response.function_call_arguments.delta', { ...at, delta: input.slice(3) });
    write('response.function_call_arguments.done', { ...at, arguments: input });
    output.push({ ...item, arguments: input, status: 'completed' });
    write('response.output_item.done', { output_index: at.output_index, item: output.at(-1) });
  }
  const type = finish === undefined ? 'response.completed' : 'response.incomplete';
  const reason = finish === 'length' ? 'max_output_tokens' : 'content_filter';
  write(type, {
    response: {
      ...response,
      ...{ output, status: type.slice('response.'.length) },
      incomplete_details: finish === undefined ? null : { reason },
      usage: usage && {
        input_tokens: usage.input,
        input_tokens_details: { cached_tokens: usage.cached },
        output_tokens: usage.output,
        output_tokens_details: { reasoning_tokens: usage.reasoning },
        total_tokens: usage.input + usage.output,
      },
    },
  });
  return events;
}
