import {
  type Protocol,
  type ProviderAnswer,
  type ProviderUsage,
  type RefusalReason,
  USAGE,
  writeEvent,
} from './answer.ts';

type Refusals = Record<RefusalReason, [status: number, error: string | Readonly<Record<string, unknown>>]>;

/** How servers of OpenAI's chat protocol differ from each other. */
interface Dialect {
  readonly refusals: Refusals;
  /** The field that carries reasoning. */
  readonly reasoning: 'reasoning_content' | 'reasoning';
  /** The `finish_reason` of an answer that a content filter has ended. */
  readonly filterReason: string;
  /** Whether usage comes with the last choice; otherwise in a separate chunk without choices. */
  readonly endsWithUsage: boolean;
}

const errorBody = (message: string, type: string, code: string | null = null) => ({ message, type, param: null, code });

const DEEPSEEK: Dialect = {
  reasoning: 'reasoning_content',
  filterReason: 'content_filter',
  endsWithUsage: true,
  refusals: {
    invalidKey: [
      401,
      errorBody('Authentication Fails, Your api key: KEY is invalid', 'authentication_error', 'invalid_request_error'),
    ],
    unknownModel: [400, errorBody('Model Not Exist', 'invalid_request_error', 'invalid_request_error')],
    rateLimit: [429, errorBody('Rate limit reached.', 'rate_limit_error', 'rate_limit_reached')],
    quota: [402, errorBody('Insufficient Balance', 'unknown_error', 'invalid_request_error')],
    serverError: [500, errorBody('Internal Server Error', 'server_error')],
    promptTooLong: [
      400,
      errorBody(
        "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens.",
        'invalid_request_error',
        'invalid_request_error',
      ),
    ],
    filtered: [400, errorBody('Content Exists Risk', 'invalid_request_error', 'invalid_request_error')],
  },
};

const QWEN: Dialect = {
  reasoning: 'reasoning_content',
  filterReason: 'content_filter',
  endsWithUsage: false,
  refusals: {
    invalidKey: [401, errorBody('Incorrect API key provided: KEY.', 'invalid_request_error', 'invalid_api_key')],
    unknownModel: [
      404,
      errorBody(
        'The model does not exist or you do not have access to it.',
        'invalid_request_error',
        'model_not_found',
      ),
    ],
    rateLimit: [429, errorBody('You exceeded your current requests list.', 'limit_requests', 'limit_requests')],
    quota: [
      400,
      errorBody('Access denied, please make sure your account is in good standing.', 'Arrearage', 'Arrearage'),
    ],
    serverError: [
      500,
      errorBody('An internal error has occured, please try again later.', 'internal_error', 'internal_error'),
    ],
    promptTooLong: [
      400,
      errorBody(
        '<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]',
        'invalid_request_error',
        'invalid_parameter_error',
      ),
    ],
    filtered: [
      400,
      errorBody('Input data may contain inappropriate content.', 'data_inspection_failed', 'data_inspection_failed'),
    ],
  },
};

const GLM: Dialect = {
  reasoning: 'reasoning_content',
  filterReason: 'sensitive',
  endsWithUsage: true,
  refusals: {
    invalidKey: [401, { code: '1000', message: '身份验证失败 KEY' }],
    unknownModel: [400, { code: '1211', message: '模型不存在，请检查模型代码。' }],
    rateLimit: [429, { code: '1302', message: '您当前使用该API的并发数过高，请降低并发，或联系客服增加限额。' }],
    quota: [429, { code: '1113', message: '您的账户已欠费，请充值后重试。' }],
    serverError: [500, { code: '500', message: '内部错误' }],
    promptTooLong: [400, { code: '1261', message: 'Prompt 超长' }],
    filtered: [
      400,
      {
        code: '1301',
        message: '系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。',
      },
    ],
  },
};

/** Ollama, vLLM and llama.cpp. */
const OPEN: Dialect = {
  reasoning: 'reasoning',
  filterReason: 'content_filter',
  endsWithUsage: false,
  refusals: {
    invalidKey: [401, 'Unauthorized KEY'],
    unknownModel: [404, errorBody('model "m" not found, try pulling it first', 'not_found_error')],
    rateLimit: [429, errorBody('Too many requests', 'rate_limit_error')],
    quota: [
      429,
      errorBody('You have no credits left: insufficient credits', 'insufficient_quota', 'insufficient_quota'),
    ],
    serverError: [500, errorBody('llama runner process has terminated', 'api_error')],
    promptTooLong: [
      400,
      {
        code: 400,
        message: 'request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 9_000,
        n_ctx: 8_192,
      },
    ],
    filtered: [
      400,
      errorBody(
        'The response was filtered due to the content management policy.',
        'invalid_request_error',
        'content_filter',
      ),
    ],
  },
};

/** DeepSeek. Source: https://api-docs.deepseek.com/api/create-chat-completion */
export const deepseekChat = createChatProtocol(DEEPSEEK);
/** Qwen on Model Studio. Source: https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope */
export const qwenChat = createChatProtocol(QWEN);
/** GLM. Source: https://docs.z.ai/api-reference/llm/chat-completion, https://docs.z.ai/api-reference/api-code */
export const glmChat = createChatProtocol(GLM);
/** Servers of open models. Source: https://platform.openai.com/docs/api-reference/chat-streaming and the servers. */
export const openChat = createChatProtocol(OPEN);

function createChatProtocol(dialect: Dialect): Protocol {
  return {
    path: /^\/chat\/completions$/,
    writeEvents: (answer, model) => writeChunks(dialect, answer, model),
    writeError: (message) => writeEvent({ error: { message, type: 'server_error', code: 'internal_error' } }),
    refuse(reason, key) {
      const [status, error] = dialect.refusals[reason];
      return { status, body: JSON.parse(JSON.stringify({ error }).replace('KEY', key)) };
    },
  };
}

function writeChunks(dialect: Dialect, answer: ProviderAnswer, model: string): string[] {
  const { reasoning = [], text = [], tool, usage = USAGE } = answer;
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_790_000_000, model };
  const write = (delta: object, more: object = {}) =>
    writeEvent({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...more }] });
  const usageField = usage && { usage: toUsage(usage) };
  const reason = answer.finish === 'length' ? 'length' : dialect.filterReason;
  const finish = { finish_reason: answer.finish ? reason : tool ? 'tool_calls' : 'stop' };
  const input = JSON.stringify(tool?.input);
  const last = { ...head, choices: [{ index: 0, delta: {}, logprobs: null, ...finish }] };
  return [
    ': keep-alive\n\n',
    write({ role: 'assistant', content: '' }),
    ...reasoning.map((piece) => write({ content: null, [dialect.reasoning]: piece })),
    ...text.map((piece) => write({ content: piece })),
    ...(tool
      ? [
          write({
            tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: tool.name, arguments: '' } }],
          }),
          write({ tool_calls: [{ index: 0, function: { arguments: input.slice(0, 3) } }] }),
          write({ tool_calls: [{ index: 0, function: { arguments: input.slice(3) } }] }),
        ]
      : []),
    ...(dialect.endsWithUsage
      ? [writeEvent({ ...last, ...usageField })]
      : [writeEvent(last), ...(usageField ? [writeEvent({ ...head, choices: [], ...usageField })] : [])]),
    'data: [DONE]\n\n',
  ];
}

function toUsage({ input, cached, output, reasoning }: ProviderUsage) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
    // DeepSeek's own names.
    prompt_cache_hit_tokens: cached,
    prompt_cache_miss_tokens: input - cached,
  };
}
