import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { ModelFailure } from './failure.ts';
import type { ModelStep } from './model-types.ts';
import type { ProviderMessage } from './provider-text.ts';
import {
  type AnswerEnd,
  type AnswerParser,
  type AnswerParserOptions,
  createAnswerParser,
  parsePart,
} from './stream-parts.ts';

/** The time that the reader waits, after the end of an answer, for the end of the response before it disconnects. */
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
export interface StepSource extends AnswerParserOptions {
  /** Calls the model. `onBytes` is called whenever the server sends anything, which restarts the timeouts. */
  start(signal: AbortSignal, onBytes: () => void): Promise<PartStream>;
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once: with the failure, or with undefined when the answer was complete or the reader was closed. */
  onEnd(failure: ModelFailure | undefined): void;
}

interface PartStream {
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
}

type PartReader = ReadableStreamDefaultReader<LanguageModelV4StreamPart>;

/** The state of reading one answer. */
interface ReadingState {
  readonly source: StepSource;
  readonly abortController: AbortController;
  readonly parser: AnswerParser;
  /** Set once `start` has resolved. */
  reader: PartReader | undefined;
  isModelCalled: boolean;
  /** The pending call of `next`. */
  pendingNext: PromiseWithResolvers<ModelStep> | undefined;
  pendingSince: number;
  /** The error with which later calls of `next` reject; set when reading has stopped. */
  stopError: ModelFailure | undefined;
  timer: NodeJS.Timeout | undefined;
  // Created once per answer, because they are used for every token.
  readonly onRead: (result: ReadableStreamReadResult<LanguageModelV4StreamPart>) => void;
  readonly onError: (error: unknown) => void;
  readonly onAbort: () => void;
}

/**
 * Creates a reader that calls a model and reads the stream of its package. A call of `next` settles within the
 * timeouts, even if the package ignores the abort signal. Each token costs one promise in addition to those of the
 * package. One timer checks how long the pending call of `next` has waited.
 */
export function readModelSteps(source: StepSource): StepReader {
  const { signal, firstByteMs, silenceMs, createFailure } = source;
  const reading: ReadingState = {
    source,
    abortController: new AbortController(),
    parser: createAnswerParser(source),
    reader: undefined,
    isModelCalled: false,
    pendingNext: undefined,
    pendingSince: 0,
    stopError: undefined,
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
  if (reading.stopError !== undefined) return Promise.reject(reading.stopError);
  reading.pendingNext = Promise.withResolvers();
  readNextPart(reading);
  return reading.pendingNext.promise;
}

/** Reads the next part; the first time, calls the model. */
function readNextPart(reading: ReadingState): void {
  reading.pendingSince = performance.now();
  if (reading.reader !== undefined) reading.reader.read().then(reading.onRead, reading.onError);
  else if (!reading.isModelCalled) {
    reading.isModelCalled = true;
    const { source, abortController } = reading;
    const onBytes = () => {
      reading.pendingSince = performance.now();
    };
    source.start(abortController.signal, onBytes).then((answer) => openStream(reading, answer), reading.onError);
  }
}

function openStream(reading: ReadingState, { stream }: PartStream): void {
  if (reading.stopError !== undefined) {
    stream.cancel().catch(() => {});
    return;
  }
  reading.reader = stream.getReader();
  readNextPart(reading);
}

function handleRead(reading: ReadingState, { done, value }: ReadableStreamReadResult<LanguageModelV4StreamPart>): void {
  if (reading.stopError !== undefined) return;
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
    reading.pendingNext?.resolve(step);
    reading.pendingNext = undefined;
  } else if (reading.stopError === undefined) readNextPart(reading);
}

function handleError(reading: ReadingState, error: unknown): void {
  if (reading.stopError === undefined) fail(reading, reading.source.toFailure(error));
}

function endAnswer(reading: ReadingState, end: AnswerEnd): void {
  if (end instanceof ModelFailure) {
    fail(reading, end);
    return;
  }
  reading.parser.steps.push(end);
  const stopError = reading.source.createFailure('ANSWER_FAILED', 'The answer has ended.');
  stopReading(reading, { stopError, failure: undefined, shouldDrain: end.usage !== null });
}

function fail(reading: ReadingState, failure: ModelFailure): void {
  if (reading.stopError !== undefined) return;
  stopReading(reading, { stopError: failure, failure, shouldDrain: false });
  // Steps from before the failure are returned first.
  if (reading.parser.steps.length > 0) return;
  reading.pendingNext?.reject(failure);
  reading.pendingNext = undefined;
}

function close(reading: ReadingState): void {
  if (reading.stopError !== undefined) return;
  const stopError = reading.source.createFailure('ANSWER_FAILED', 'The answer was closed.');
  stopReading(reading, { stopError, failure: undefined, shouldDrain: false });
  reading.pendingNext?.reject(stopError);
}

interface StopOptions {
  readonly stopError: ModelFailure;
  /** The failure of the answer; undefined when the answer was complete or the reader was closed. */
  readonly failure: ModelFailure | undefined;
  /** Whether to wait for the end of the response, so that the connection can be reused. */
  readonly shouldDrain: boolean;
}

function stopReading(reading: ReadingState, { stopError, failure, shouldDrain }: StopOptions): void {
  const { source, reader, abortController } = reading;
  reading.stopError = stopError;
  clearTimeout(reading.timer);
  source.signal.removeEventListener('abort', reading.onAbort);
  if (shouldDrain && reader !== undefined) drain(reader, abortController);
  else disconnect(reader, abortController);
  source.onEnd(failure);
}

/** Fails an answer whose next part takes too long, or restarts the timer. */
function checkSilence(reading: ReadingState): void {
  const { firstByteMs, silenceMs, createFailure } = reading.source;
  const limit = reading.parser.hasStarted ? silenceMs : firstByteMs;
  const remainingMs = reading.pendingNext === undefined ? limit : reading.pendingSince + limit - performance.now();
  // The timer runs for at most `silenceMs`, because that limit may apply by then.
  if (remainingMs > 0) reading.timer = setTimeout(checkSilence, Math.ceil(Math.min(remainingMs, silenceMs)), reading);
  else fail(reading, createFailure('PROVIDER_UNAVAILABLE', `Nothing arrived for ${limit} ms.`));
}

/** Waits briefly for the end of the response after the last part, and closes the connection otherwise. */
function drain(reader: PartReader, abortController: AbortController): void {
  const timer = setTimeout(disconnect, DRAIN_MS, reader, abortController).unref();
  const finish = (isDone: boolean) => {
    clearTimeout(timer);
    if (!isDone) disconnect(reader, abortController);
  };
  reader.read().then(
    ({ done }) => finish(done),
    () => finish(false),
  );
}

function disconnect(reader: PartReader | undefined, abortController: AbortController): void {
  abortController.abort();
  reader?.cancel().catch(() => {});
}
