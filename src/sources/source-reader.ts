import { Worker } from 'node:worker_threads';
import { createReadFailure, type ReadResult, readSource, type SourceToRead } from './read-source.ts';

/** Reads sources, even hostile ones, without blocking the event loop. */
export interface SourceReader {
  /** Reads a source. If it takes too much time or memory, the result has a failure; only a bug rejects the promise. */
  read(source: SourceToRead): Promise<ReadResult>;
}

/** The limits of the worker thread that reads one source. */
export interface SourceReaderLimits {
  /** The time limit; it includes the start of the thread, which takes a tenth of a second. */
  readonly timeoutMs: number;
  readonly maxHeapMb: number;
}

const LIMITS: SourceReaderLimits = { timeoutMs: 20_000, maxHeapMb: 256 };

/** In UTF-16 units. A text up to this length is read without a thread, because reading it takes only milliseconds. */
const MAX_INLINE_CHARS = 20_000;

/**
 * Creates a reader. It reads long texts one after the other, each in its own worker thread, and terminates a thread
 * that exceeds the limits.
 */
export function createSourceReader(limits = LIMITS): SourceReader {
  let previousRead: Promise<unknown> = Promise.resolve();
  return {
    async read(source) {
      if ((source.content.text?.length ?? 0) <= MAX_INLINE_CHARS) return readSource(source);
      const reading = previousRead.then(() => readInWorker(source, limits));
      previousRead = reading.catch(() => {});
      return reading;
    },
  };
}

async function readInWorker(source: SourceToRead, { timeoutMs, maxHeapMb }: SourceReaderLimits): Promise<ReadResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadResult>();
  const fail = (reason: string) => resolve(createReadFailure(source, reason));
  const worker = new Worker(new URL('./source-worker.ts', import.meta.url), {
    workerData: source,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  const timer = setTimeout(fail, timeoutMs, 'The text took too long to read.');
  worker.once('message', resolve);
  worker.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') fail('The text took too much memory to read.');
    else reject(error);
  });
  worker.once('exit', () => reject(new Error('The source reader thread exited before it sent a result.')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
