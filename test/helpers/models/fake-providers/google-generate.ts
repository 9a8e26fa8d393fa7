import { type Protocol, type ProviderAnswer, type RefusalReason, SIGNATURE, USAGE } from './answer.ts';

const REFUSALS: Record<RefusalReason, [code: number, status: string, message: string]> = {
  invalidKey: [400, 'INVALID_ARGUMENT', 'API key not valid: KEY. Please pass a valid API key.'],
  unknownModel: [
    404,
    'NOT_FOUND',
    'models/m is not found for API version v1beta, or is not supported for generateContent.',
  ],
  rateLimit: [
    429,
    'RESOURCE_EXHAUSTED',
    'You exceeded your current quota, please check your plan and billing details.',
  ],
  quota: [429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota, please check your plan and billing details.'],
  serverError: [503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.'],
  promptTooLong: [
    400,
    'INVALID_ARGUMENT',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  ],
  filtered: [400, 'INVALID_ARGUMENT', 'The prompt could not be submitted: PROHIBITED_CONTENT.'],
};
/** How long to wait before a retry; a daily quota resets much later than one per minute. */
const RETRY_DELAYS: Partial<Record<RefusalReason, string>> = { rateLimit: '0.05s', quota: '34200s' };

/** Gemini's API. Source: https://ai.google.dev/api/generate-content */
export const googleGenerate: Protocol = {
  path: /^\/models\/[\w.-]+:streamGenerateContent\?alt=sse$/,
  writeEvents: writeChunks,
  writeError: (message) => writeChunk({ error: { code: 503, message, status: 'UNAVAILABLE' } }),
  refuse(reason, key) {
    const [code, status, message] = REFUSALS[reason];
    const retryDelay = RETRY_DELAYS[reason];
    const details = retryDelay && [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
    const error = { code, message: message.replace('KEY', key), status, ...(details && { details }) };
    return { status: code, body: { error } };
  },
};

/** Formats an event; Gemini ends its lines with CRLF. */
function writeChunk(data: unknown): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`;
}

function writeChunks(
  { reasoning = [], text = [], tool, finish, usage = USAGE }: ProviderAnswer,
  model: string,
): string[] {
  const usageMetadata = usage && {
    promptTokenCount: usage.input,
    cachedContentTokenCount: usage.cached,
    candidatesTokenCount: usage.output - usage.reasoning,
    thoughtsTokenCount: usage.reasoning,
    totalTokenCount: usage.input + usage.output,
  };
  const write = (parts: readonly object[], more: object = {}) =>
    writeChunk({
      candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
      ...(usageMetadata && { usageMetadata }),
      ...{ modelVersion: model, responseId: 'r-1' },
    });
  const reason = finish === 'length' ? 'MAX_TOKENS' : finish === 'filter' ? 'SAFETY' : 'STOP';
  return [
    ...reasoning.map((piece) => write([{ text: piece, thought: true }])),
    ...text.map((piece) => write([{ text: piece }])),
    ...(tool ? [write([{ functionCall: { name: tool.name, args: tool.input }, thoughtSignature: SIGNATURE }])] : []),
    write([{ text: '' }], { finishReason: reason }),
  ];
}
