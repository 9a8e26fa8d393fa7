import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { ModelFailure } from './failure.ts';
import type { ModelStep } from './model-types.ts';
import type { ProviderMessage } from './provider-text.ts';
import { type AnswerEnd, type AnswerParser, type AnswerRules, createAnswerParser, parsePart } from './stream-parts.ts';

/** How long a response may take to end after the answer; if it ends in time, its connection is reused. */
const DRAIN_MS = 1_000;

/** Reads the steps of one answer. */
export interface StepReader {
  /** Resolves when the first step has arrived; `next` then returns that step. @throws ModelFailure */
  ready(): Promise<void>;
  /** Reads the next step. @throws ModelFailure */
  next(): Promise<ModelStep>;
  readonly assistantMessage: ProviderMessage;
  close(): void;
}

/** The source of a reader: its stream, its timeouts and its callbacks. */
export interface StepSource extends AnswerRules {
  /** Calls the model. */
  start(signal: AbortSignal): Promise<PartStream>;
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once: with the failure, or with undefined when the answer was complete or closed. */
  onEnd(failure: ModelFailure | undefined): void;
}

interface PartStream {
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
}

type PartReader = ReadableStreamDefaultReader<LanguageModelV4StreamPart>;

/** The state of reading one answer. */
interface ReadingState {
  readonly source: StepSource;
  readonly connection: AbortController;
  readonly parser: AnswerParser;
  /** Set once the provider has started to answer. */
  reader: PartReader | undefined;
  isStarted: boolean;
  /** The pending call of `next`. */
  waiting: PromiseWithResolvers<ModelStep> | undefined;
  waitsSince: number;
  /** The error with which later calls of `next` reject; set when reading has stopped. */
  stopped: ModelFailure | undefined;
  timer: NodeJS.Timeout | undefined;
  // Created once per answer, because they are used for every token.
  readonly onRead: (result: ReadableStreamReadResult<LanguageModelV4StreamPart>) => void;
  readonly onError: (error: unknown) => void;
  readonly onAbort: () => void;
}

/**
 * Calls a model and reads the stream of its package. A call of `next` settles in time, even if the package ignores the
 * abort signal. Each token costs one promise in addition to the package's. One timer checks how long a call has been
 * waiting.
 */
export function readModelSteps(source: StepSource): StepReader {
  const { signal, firstByteMs, silenceMs, createFailure } = source;
  const reading: ReadingState = {
    source,
    connection: new AbortController(),
    parser: createAnswerParser(source),
    reader: undefined,
    isStarted: false,
    waiting: undefined,
    waitsSince: 0,
    stopped: undefined,
    timer: undefined,
    onRead: (result) => handleRead(reading, result),
    onError: (error) => handleError(reading, error),
    onAbort: () => fail(reading, createFailure('PROVIDER_UNAVAILABLE', 'The call was aborted.')),
  };
  reading.timer = setTimeout(checkSilence, Math.min(firstByteMs, silenceMs), reading);
  signal.addEventListener('abort', reading.onAbort, { once: true });
  if (signal.aborted) reading.onAbort();
  return {
    next: () => nextStep(reading),
    async ready() {
      reading.parser.steps.unshift(await nextStep(reading));
    },
    get assistantMessage() {
      return reading.parser.providerText.message;
    },
    close: () => close(reading),
  };
}

function nextStep(reading: ReadingState): Promise<ModelStep> {
  const step = reading.parser.steps.shift();
  if (step !== undefined) return Promise.resolve(step);
  if (reading.stopped !== undefined) return Promise.reject(reading.stopped);
  reading.waiting = Promise.withResolvers();
  readNextPart(reading);
  return reading.waiting.promise;
}

/** Reads the next part; the first time, calls the model. */
function readNextPart(reading: ReadingState): void {
  reading.waitsSince = performance.now();
  if (reading.reader !== undefined) reading.reader.read().then(reading.onRead, reading.onError);
  else if (!reading.isStarted) {
    reading.isStarted = true;
    reading.source.start(reading.connection.signal).then((answer) => openStream(reading, answer), reading.onError);
  }
}

function openStream(reading: ReadingState, { stream }: PartStream): void {
  if (reading.stopped !== undefined) {
    stream.cancel().catch(() => {});
    return;
  }
  reading.reader = stream.getReader();
  readNextPart(reading);
}

function handleRead(reading: ReadingState, { done, value }: ReadableStreamReadResult<LanguageModelV4StreamPart>): void {
  if (reading.stopped !== undefined) return;
  const { parser, source } = reading;
  try {
    const end = done
      ? source.createFailure('PROVIDER_UNAVAILABLE', 'The answer was cut off.', { isTransient: true })
      : parsePart(parser, value);
    if (end !== undefined) endAnswer(reading, end);
  } catch (error) {
    handleError(reading, error);
  }
  const step = parser.steps.shift();
  if (step !== undefined) {
    reading.waiting?.resolve(step);
    reading.waiting = undefined;
  } else if (reading.stopped === undefined) readNextPart(reading);
}

function handleError(reading: ReadingState, error: unknown): void {
  if (reading.stopped === undefined) fail(reading, reading.source.toFailure(error));
}

function endAnswer(reading: ReadingState, end: AnswerEnd): void {
  if (end instanceof ModelFailure) {
    fail(reading, end);
    return;
  }
  reading.parser.steps.push(end);
  const stopped = reading.source.createFailure('ANSWER_FAILED', 'The answer has ended.');
  stopReading(reading, { stopped, failure: undefined, drains: end.usage !== null });
}

function fail(reading: ReadingState, failure: ModelFailure): void {
  if (reading.stopped !== undefined) return;
  stopReading(reading, { stopped: failure, failure, drains: false });
  // Steps from before the failure are returned first.
  if (reading.parser.steps.length > 0) return;
  reading.waiting?.reject(failure);
  reading.waiting = undefined;
}

function close(reading: ReadingState): void {
  if (reading.stopped !== undefined) return;
  const stopped = reading.source.createFailure('ANSWER_FAILED', 'The answer was closed.');
  stopReading(reading, { stopped, failure: undefined, drains: false });
  reading.waiting?.reject(stopped);
}

/** @param drains whether to wait for the end of the response, so that the connection can be reused. */
function stopReading(
  reading: ReadingState,
  { stopped, failure, drains }: { stopped: ModelFailure; failure: ModelFailure | undefined; drains: boolean },
): void {
  const { source, reader, connection } = reading;
  reading.stopped = stopped;
  clearTimeout(reading.timer);
  source.signal.removeEventListener('abort', reading.onAbort);
  if (drains && reader !== undefined) drain(reader, connection);
  else disconnect(reader, connection);
  source.onEnd(failure);
}

/** Fails an answer whose next part takes too long, or restarts the timer. */
function checkSilence(reading: ReadingState): void {
  const { firstByteMs, silenceMs, createFailure } = reading.source;
  const limit = reading.parser.hasBegun ? silenceMs : firstByteMs;
  const remainingMs = reading.waiting === undefined ? limit : reading.waitsSince + limit - performance.now();
  // At most `silenceMs`, because that limit may apply by then.
  if (remainingMs > 0) reading.timer = setTimeout(checkSilence, Math.ceil(Math.min(remainingMs, silenceMs)), reading);
  else fail(reading, createFailure('PROVIDER_UNAVAILABLE', `Nothing arrived for ${limit} ms.`));
}

/** Waits briefly for the end of the response after the last part, and closes the connection otherwise. */
function drain(reader: PartReader, connection: AbortController): void {
  const timer = setTimeout(disconnect, DRAIN_MS, reader, connection).unref();
  const finish = (isDone: boolean) => {
    clearTimeout(timer);
    if (!isDone) disconnect(reader, connection);
  };
  reader.read().then(
    ({ done }) => finish(done),
    () => finish(false),
  );
}

function disconnect(reader: PartReader | undefined, connection: AbortController): void {
  connection.abort();
  reader?.cancel().catch(() => {});
}
