import { isJsonObject } from '../domain/json.ts';

/** One event of a chat completion, independent of the form that its server has sent. */
export type ChatEvent =
  | { readonly type: 'chunk'; readonly chunk: ChatChunk; readonly hasOutput: boolean }
  | { readonly type: 'error'; readonly error: ServerError }
  /** An event that is not JSON. */
  | { readonly type: 'unreadable' }
  | { readonly type: 'done' };

/** The parts of a chunk that the packages of the AI SDK read. */
export interface ChatChunk {
  readonly choices: readonly [] | readonly [ChatChoice];
  readonly usage?: unknown;
}

interface ChatChoice {
  readonly index: 0;
  readonly delta: Readonly<Record<string, unknown>>;
  /** The finish reason as the server names it; null until the end. */
  readonly finish_reason: string | null;
}

/** An error in the form that the packages expect. */
export interface ServerError {
  readonly message: string;
  readonly type: string | null;
  readonly code: string | number | null;
  readonly param: null;
}

/** Splits the body of a chat completion into events. */
export interface ChatEventReader {
  /** Returns the events that are complete. */
  push(text: string): ChatEvent[];
  /** Returns the remaining events at the end of the body. */
  end(): ChatEvent[];
}

const DONE = '[DONE]';

/**
 * Creates a reader for the body of a successful response: server-sent events with any line breaks, also without the last
 * blank line, or a single JSON value, which some servers send although a stream was requested.
 */
export function createChatEventReader(): ChatEventReader {
  let isJson: boolean | undefined;
  let json = '';
  /** The start of a line, whose end has not arrived. */
  let line = '';
  let endsWithReturn = false;
  let dataLines: string[] = [];
  let name = '';

  function dispatch(): ChatEvent[] {
    const [lines, event] = [dataLines, name];
    dataLines = [];
    name = '';
    const data = lines.join('\n').trim();
    if (data === '') return [];
    if (lines.length === 1 || parse(data) !== undefined) return [toEvent(data, event)];
    // Some servers end an event with a single line break.
    return lines.filter((text) => text.trim() !== '').map((text) => toEvent(text.trim(), event));
  }

  function readLine(text: string): ChatEvent[] {
    if (text === '') return dispatch();
    const colon = text.indexOf(':');
    const [field, value] = colon === -1 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1).replace(/^ /, '')];
    if (field === 'data') dataLines.push(value);
    else if (field === 'event') name = value;
    else if (field === 'error') {
      // Older versions of llama.cpp send errors in a field of their own.
      dataLines.push(value);
      name = 'error';
    }
    return [];
  }

  return {
    push(text) {
      if (isJson === undefined) {
        const start = text.trimStart();
        if (start === '') return [];
        isJson = start[0] === '{' || start[0] === '[';
      }
      if (isJson) {
        json += text;
        return [];
      }
      const lines = (endsWithReturn && text[0] === '\n' ? text.slice(1) : text).split(/\r\n|\n|\r/);
      endsWithReturn = text.endsWith('\r');
      lines[0] = line + (lines[0] ?? '');
      line = lines.pop() ?? '';
      return lines.flatMap(readLine);
    },
    end() {
      if (isJson) return [toEvent(withoutDone(json), '')];
      return [...readLine(line), ...dispatch()];
    },
  };
}

/** Removes the end of a stream, which some servers append to a single JSON value. */
function withoutDone(text: string): string {
  const at = text.lastIndexOf('data:');
  return at !== -1 && text.slice(at + 'data:'.length).trim() === DONE ? text.slice(0, at) : text;
}

function toEvent(data: string, name: string): ChatEvent {
  if (data === DONE) return { type: 'done' };
  const value = parse(data);
  const body = Array.isArray(value) ? value[0] : value;
  const error = findServerError(body, name) ?? (name === 'error' ? toServerError({ message: data }) : undefined);
  if (error !== undefined) return { type: 'error', error };
  return isJsonObject(body) ? readChunk(body) : { type: 'unreadable' };
}

/** Reads a chunk, or the message of a server that does not stream. Unknown fields of other forms are dropped. */
function readChunk({ choices, usage }: Readonly<Record<string, unknown>>): ChatEvent {
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const usageField = isJsonObject(usage) ? { usage: readCounts(usage) } : {};
  if (!isJsonObject(choice)) return { type: 'chunk', chunk: { choices: [], ...usageField }, hasOutput: false };
  const { delta: streamed, message, text, finish_reason: reason } = choice;
  const { role: _, ...delta } = isJsonObject(streamed) ? streamed : readMessage(message, text);
  return {
    type: 'chunk',
    chunk: { choices: [{ index: 0, delta, finish_reason: readFinishReason(reason) }], ...usageField },
    hasOutput: [delta.content, delta.refusal, delta.tool_calls].some(isFilled),
  };
}

/** Reads the numbers of a usage, also in its details. The packages refuse a chunk with other values. */
function readCounts(usage: Record<string, unknown>): Record<string, unknown> {
  const isCount = ([, value]: [string, unknown]) => typeof value === 'number';
  const entries = Object.entries(usage).map(([name, value]): [string, unknown] => [
    name,
    isJsonObject(value) ? Object.fromEntries(Object.entries(value).filter(isCount)) : value,
  ]);
  return Object.fromEntries(entries.filter((entry) => isCount(entry) || isJsonObject(entry[1])));
}

function readMessage(message: unknown, text: unknown): Record<string, unknown> {
  if (!isJsonObject(message)) return typeof text === 'string' ? { content: text } : {};
  const { tool_calls: calls } = message;
  // Only calls in a stream have an index.
  return Array.isArray(calls) ? { ...message, tool_calls: calls.map((call, index) => ({ index, ...call })) } : message;
}

/** Some servers send an empty text until the end, instead of null. */
function readFinishReason(reason: unknown): string | null {
  return reason === undefined || reason === null || reason === '' || reason === false ? null : String(reason);
}

/** Finds the error that a value reports, in the forms of OpenAI, Ollama, vLLM, TGI, LM Studio and FastAPI. */
function findServerError(value: unknown, name: string): ServerError | undefined {
  if (!isJsonObject(value)) return undefined;
  const { error, object, type, choices } = value;
  if ((isJsonObject(error) && Object.keys(error).length > 0) || (typeof error === 'string' && error !== ''))
    return toServerError(error, value);
  const isError = name === 'error' || object === 'error' || type === 'error';
  return isError || (choices === undefined && isFilled(value.message ?? value.detail))
    ? toServerError(value)
    : undefined;
}

function toServerError(error: string | Record<string, unknown>, body: Record<string, unknown> = {}): ServerError {
  const record = typeof error === 'string' ? { message: error, ...readCodes(body) } : error;
  const { message, detail = record.error, type, code } = record;
  const text = [message, detail, record].find(isFilled);
  return {
    message: typeof text === 'string' ? text : JSON.stringify(text),
    type: typeof type === 'string' ? type : null,
    code: typeof code === 'string' || typeof code === 'number' ? code : null,
    param: null,
  };
}

/** Reads the type and code that some servers put beside the text of an error. */
function readCodes({ type, error_type = type, code, status_code = code }: Record<string, unknown>) {
  return { type: error_type, code: status_code };
}

function isFilled(value: unknown): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0;
  return isJsonObject(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
