import type { LanguageModelV4StreamPart, LanguageModelV4ToolCall } from '@ai-sdk/provider';
import type { FailureCode } from '../domain/failures.ts';
import type { TokenUsage } from '../domain/usage.ts';
import type { ModelFailure } from './failure.ts';
import { type Ending, readEnding, readUsage } from './finish.ts';
import type { ModelStep } from './model-call.ts';
import { createSaid, type SaidMessage } from './said.ts';
import { createStopFilter } from './stop-markers.ts';

/** The longest answer unless another is named, in UTF-16 units; as much for thoughts and the input of tools. */
export const MAX_ANSWER_CHARS = 200_000;
/** How long a connection may take to end after its answer, so that it can be used again. */
const LINGER_MS = 1_000;

/** The steps of one answer. */
export interface StepReader {
  /** Resolves when the first step is in sight, which `next` gives. @throws ModelFailure */
  ready(): Promise<void>;
  /** The next step. @throws ModelFailure */
  next(): Promise<ModelStep>;
  readonly said: SaidMessage;
  close(): void;
}

/** What a reader reads, how long it waits, and what it says when that was in vain. */
export interface StepSource {
  /** Asks the model. */
  start(signal: AbortSignal): Promise<PartStream>;
  readonly firstByteMs: number;
  readonly silenceMs: number;
  /** Whether marks of the ends of turns are taken out of the text. */
  readonly hidesMarkers: boolean;
  /** The longest text, in UTF-16 units. */
  readonly maxChars: number;
  readonly signal: AbortSignal;
  /** Reads what the package has thrown or told. */
  toFailure(error: unknown): ModelFailure;
  createFailure(code: FailureCode, detail: string, passing?: { readonly isPassing: boolean }): ModelFailure;
  /** Called once: with the failure, or without one when the answer has come to its end or was closed. */
  onEnd(failure: ModelFailure | undefined): void;
}

interface PartStream {
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
}

/**
 * Asks a model and reads what its package streams. Whoever waits for a step is answered in time, whether or not the
 * package heeds the abort. A token costs one promise besides the package's own; time is kept by one timer, which looks
 * up since when somebody has been waiting.
 */
export function readSteps(source: StepSource): StepReader {
  const { signal, firstByteMs, silenceMs, maxChars, createFailure } = source;
  const connection = new AbortController();
  const filter = source.hidesMarkers ? createStopFilter() : undefined;
  const said = createSaid();
  const queue: ModelStep[] = [];
  const size = { read: 0, text: 0, other: 0, calls: 0 };
  let reader: ReadableStreamDefaultReader<LanguageModelV4StreamPart> | undefined;
  let isAsked = false;
  let hasBegun = false;
  let waiting: PromiseWithResolvers<ModelStep> | undefined;
  let waitsSince = 0;
  /** What is said to whoever asks on; set when nothing more is read. */
  let over: ModelFailure | undefined;
  let timer = setTimeout(watch, Math.min(firstByteMs, silenceMs));
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();

  function next(): Promise<ModelStep> {
    const step = queue.shift();
    if (step !== undefined) return Promise.resolve(step);
    if (over !== undefined) return Promise.reject(over);
    waiting = Promise.withResolvers();
    readOn();
    return waiting.promise;
  }

  function readOn(): void {
    waitsSince = performance.now();
    if (reader !== undefined) reader.read().then(take, refuse);
    else if (!isAsked) {
      isAsked = true;
      source.start(connection.signal).then(takeStream, refuse);
    }
  }

  function takeStream({ stream }: PartStream): void {
    if (over !== undefined) {
      stream.cancel().catch(() => {});
      return;
    }
    reader = stream.getReader();
    readOn();
  }

  function take({ done, value }: ReadableStreamReadResult<LanguageModelV4StreamPart>): void {
    if (over !== undefined) return;
    try {
      if (done) fail(createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isPassing: true }));
      else takePart(value);
    } catch (error) {
      refuse(error);
    }
    const step = queue.shift();
    if (step !== undefined) {
      waiting?.resolve(step);
      waiting = undefined;
    } else if (over === undefined) readOn();
  }

  function refuse(error: unknown): void {
    if (over === undefined) fail(source.toFailure(error));
  }

  function takePart(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case 'text-delta':
        said.turnTo('text', part);
        readText(part.delta);
        break;
      case 'reasoning-delta':
        said.turnTo('reasoning', part);
        if (part.delta !== '') takeThought(part.delta);
        break;
      case 'text-start':
        flush();
        said.begin('text', part);
        break;
      case 'reasoning-start':
        flush();
        said.begin('reasoning', part);
        break;
      case 'text-end':
        said.turnTo('text', part);
        flush();
        break;
      case 'reasoning-end':
        if (part.providerMetadata !== undefined) said.turnTo('reasoning', part);
        break;
      case 'tool-input-delta':
        count(part.delta);
        break;
      case 'tool-call':
        takeCall(part);
        break;
      case 'finish':
        flush();
        takeEnding(readEnding(part.finishReason), readUsage(part.usage));
        break;
      case 'error':
        refuse(part.error);
        break;
      default:
    }
  }

  function readText(delta: string): void {
    hasBegun ||= delta !== '';
    const read = delta.slice(0, maxChars - size.read);
    size.read += read.length;
    giveText(filter?.push(read) ?? read);
    if (filter?.isOver) finish('STOP', null);
    if (read.length === delta.length || over !== undefined) return;
    flush();
    finish('LENGTH', null);
  }

  function giveText(text: string): void {
    if (text === '' || over !== undefined) return;
    size.text += text.length;
    said.append(text);
    queue.push({ type: 'text', text });
  }

  function flush(): void {
    giveText(filter?.flush() ?? '');
  }

  function takeThought(delta: string): void {
    const text = delta.slice(0, MAX_ANSWER_CHARS - size.other);
    if (text !== '') {
      said.append(text);
      queue.push({ type: 'reasoning', text });
    }
    count(delta);
  }

  function count(text: string): void {
    hasBegun = true;
    size.other += text.length;
    if (size.other > MAX_ANSWER_CHARS) finish('LENGTH', null);
  }

  function takeCall(call: LanguageModelV4ToolCall): void {
    hasBegun = true;
    flush();
    size.calls++;
    said.call(call);
    queue.push({ type: 'tool', call });
  }

  function takeEnding(ending: Ending, usage: TokenUsage | null): void {
    if (ending === 'WHOLE') finish(size.calls > 0 ? 'TOOLS' : 'STOP', usage);
    else if (ending === 'LENGTH') finish('LENGTH', usage);
    else if (ending === 'CUT_OFF')
      fail(createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isPassing: true }));
    else if (size.text > 0) finish('CONTENT_FILTER', usage);
    else fail(createFailure('CONTENT_FILTERED', 'The provider has held all of the answer back.'));
  }

  function finish(reason: (ModelStep & { type: 'finish' })['reason'], usage: TokenUsage | null): void {
    if (over !== undefined) return;
    queue.push({ type: 'finish', reason, usage });
    end(createFailure('ANSWER_FAILED', 'The answer is over.'), undefined, usage !== null);
  }

  function fail(failure: ModelFailure): void {
    if (over !== undefined) return;
    end(failure, failure, false);
    // What was written before is given first.
    if (queue.length > 0) return;
    waiting?.reject(failure);
    waiting = undefined;
  }

  function end(said: ModelFailure, failure: ModelFailure | undefined, lingers: boolean): void {
    over = said;
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
    if (lingers && reader !== undefined) letEnd(reader, connection);
    else drop(reader, connection);
    source.onEnd(failure);
  }

  function giveUp(): void {
    fail(createFailure('PROVIDER_UNAVAILABLE', 'The question was given up.'));
  }

  function watch(): void {
    const limit = hasBegun ? silenceMs : firstByteMs;
    const left = waiting === undefined ? limit : waitsSince + limit - performance.now();
    // Never longer than the limit that may count by then.
    if (left > 0) timer = setTimeout(watch, Math.ceil(Math.min(left, silenceMs)));
    else fail(createFailure('PROVIDER_UNAVAILABLE', `Nothing has come for ${limit} ms.`));
  }

  return {
    next,
    async ready() {
      queue.unshift(await next());
    },
    get said() {
      return said.message;
    },
    close() {
      if (over !== undefined) return;
      const closed = createFailure('ANSWER_FAILED', 'The answer was closed.');
      end(closed, undefined, false);
      waiting?.reject(closed);
    },
  };
}

type PartReader = ReadableStreamDefaultReader<LanguageModelV4StreamPart>;

/** Waits a little for the end that follows the last part, and drops a connection that does not come to it. */
function letEnd(reader: PartReader, connection: AbortController): void {
  const timer = setTimeout(drop, LINGER_MS, reader, connection).unref();
  const see = (isDone: boolean) => {
    clearTimeout(timer);
    if (!isDone) drop(reader, connection);
  };
  reader.read().then(
    ({ done }) => see(done),
    () => see(false),
  );
}

function drop(reader: PartReader | undefined, connection: AbortController): void {
  connection.abort();
  reader?.cancel().catch(() => {});
}
