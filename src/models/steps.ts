import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { ModelFailure } from './failure.ts';
import type { ModelStep } from './model-call.ts';
import type { ProviderMessage } from './provider-text.ts';
import { type AnswerEnd, type AnswerParser, type AnswerRules, createAnswerParser, parsePart } from './stream-parts.ts';

/** How long a connection may take to end after its answer, so that it can be used again. */
const DRAIN_MS = 1_000;

/** The steps of one answer. */
export interface StepReader {
  /** Resolves when the first step is in sight, which `next` gives. @throws ModelFailure */
  ready(): Promise<void>;
  /** The next step. @throws ModelFailure */
  next(): Promise<ModelStep>;
  readonly assistantMessage: ProviderMessage;
  close(): void;
}

/** What a reader reads, how long it waits, and what it says when that was in vain. */
export interface StepSource extends AnswerRules {
  /** Asks the model. */
  start(signal: AbortSignal): Promise<PartStream>;
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  /** Called once: with the failure, or without one when the answer has come to its end or was closed. */
  onEnd(failure: ModelFailure | undefined): void;
}

interface PartStream {
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
}

type PartReader = ReadableStreamDefaultReader<LanguageModelV4StreamPart>;

/** How far the reading of one answer has come. */
interface ReadingState {
  readonly source: StepSource;
  readonly connection: AbortController;
  readonly parser: AnswerParser;
  /** Set once the provider has begun to answer. */
  reader: PartReader | undefined;
  isAsked: boolean;
  /** The caller of `next` that waits for a step. */
  waiting: PromiseWithResolvers<ModelStep> | undefined;
  waitsSince: number;
  /** What later calls of `next` are refused with; set when nothing more is read. */
  over: ModelFailure | undefined;
  timer: NodeJS.Timeout | undefined;
  // Made once, as each token needs them.
  readonly onRead: (result: ReadableStreamReadResult<LanguageModelV4StreamPart>) => void;
  readonly onError: (error: unknown) => void;
  readonly onAbort: () => void;
}

/**
 * Asks a model and reads what its package streams. Whoever waits for a step is answered in time, whether or not the
 * package heeds the abort. A token costs one promise besides the package's own; time is kept by one timer, which looks
 * up since when somebody has been waiting.
 */
export function readModelSteps(source: StepSource): StepReader {
  const { signal, firstByteMs, silenceMs, createFailure } = source;
  const reading: ReadingState = {
    source,
    connection: new AbortController(),
    parser: createAnswerParser(source),
    reader: undefined,
    isAsked: false,
    waiting: undefined,
    waitsSince: 0,
    over: undefined,
    timer: undefined,
    onRead: (result) => handleRead(reading, result),
    onError: (error) => handleError(reading, error),
    onAbort: () => fail(reading, createFailure('PROVIDER_UNAVAILABLE', 'The question was given up.')),
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
  if (reading.over !== undefined) return Promise.reject(reading.over);
  reading.waiting = Promise.withResolvers();
  readNextPart(reading);
  return reading.waiting.promise;
}

/** Reads the next part; the first time, asks the model. */
function readNextPart(reading: ReadingState): void {
  reading.waitsSince = performance.now();
  if (reading.reader !== undefined) reading.reader.read().then(reading.onRead, reading.onError);
  else if (!reading.isAsked) {
    reading.isAsked = true;
    reading.source.start(reading.connection.signal).then((answer) => openStream(reading, answer), reading.onError);
  }
}

function openStream(reading: ReadingState, { stream }: PartStream): void {
  if (reading.over !== undefined) {
    stream.cancel().catch(() => {});
    return;
  }
  reading.reader = stream.getReader();
  readNextPart(reading);
}

function handleRead(reading: ReadingState, { done, value }: ReadableStreamReadResult<LanguageModelV4StreamPart>): void {
  if (reading.over !== undefined) return;
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
  } else if (reading.over === undefined) readNextPart(reading);
}

function handleError(reading: ReadingState, error: unknown): void {
  if (reading.over === undefined) fail(reading, reading.source.toFailure(error));
}

function endAnswer(reading: ReadingState, end: AnswerEnd): void {
  if (end instanceof ModelFailure) {
    fail(reading, end);
    return;
  }
  reading.parser.steps.push(end);
  const over = reading.source.createFailure('ANSWER_FAILED', 'The answer is over.');
  stopReading(reading, { over, failure: undefined, lingers: end.usage !== null });
}

function fail(reading: ReadingState, failure: ModelFailure): void {
  if (reading.over !== undefined) return;
  stopReading(reading, { over: failure, failure, lingers: false });
  // What was written before is given first.
  if (reading.parser.steps.length > 0) return;
  reading.waiting?.reject(failure);
  reading.waiting = undefined;
}

function close(reading: ReadingState): void {
  if (reading.over !== undefined) return;
  const over = reading.source.createFailure('ANSWER_FAILED', 'The answer was closed.');
  stopReading(reading, { over, failure: undefined, lingers: false });
  reading.waiting?.reject(over);
}

/** @param lingers whether the connection may be used again, once its end has come. */
function stopReading(
  reading: ReadingState,
  { over, failure, lingers }: { over: ModelFailure; failure: ModelFailure | undefined; lingers: boolean },
): void {
  const { source, reader, connection } = reading;
  reading.over = over;
  clearTimeout(reading.timer);
  source.signal.removeEventListener('abort', reading.onAbort);
  if (lingers && reader !== undefined) drain(reader, connection);
  else disconnect(reader, connection);
  source.onEnd(failure);
}

/** Fails an answer whose next part has been waited for too long, or sets the timer again. */
function checkSilence(reading: ReadingState): void {
  const { firstByteMs, silenceMs, createFailure } = reading.source;
  const limit = reading.parser.hasBegun ? silenceMs : firstByteMs;
  const left = reading.waiting === undefined ? limit : reading.waitsSince + limit - performance.now();
  // Never longer than the limit that may count by then.
  if (left > 0) reading.timer = setTimeout(checkSilence, Math.ceil(Math.min(left, silenceMs)), reading);
  else fail(reading, createFailure('PROVIDER_UNAVAILABLE', `Nothing has come for ${limit} ms.`));
}

/** Waits a little for the end that follows the last part, and drops a connection that does not come to it. */
function drain(reader: PartReader, connection: AbortController): void {
  const timer = setTimeout(disconnect, DRAIN_MS, reader, connection).unref();
  const see = (isDone: boolean) => {
    clearTimeout(timer);
    if (!isDone) disconnect(reader, connection);
  };
  reader.read().then(
    ({ done }) => see(done),
    () => see(false),
  );
}

function disconnect(reader: PartReader | undefined, connection: AbortController): void {
  connection.abort();
  reader?.cancel().catch(() => {});
}
