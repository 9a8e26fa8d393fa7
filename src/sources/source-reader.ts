import { Worker } from 'node:worker_threads';
import { createReadFailure, type ReadResult, readSource, type SourceToRead } from './read-source.ts';

/** Reads sources, whatever is in them, while the process goes on with everything else. */
export interface SourceReader {
  /** Reads a source. One that takes too much time or memory is a failure; rejects for a bug only. */
  read(source: SourceToRead): Promise<ReadResult>;
}

/** What a source in the worker may take. */
export interface SourceReaderLimits {
  /** From the start of the thread, which takes a tenth of a second. */
  readonly timeoutMs: number;
  readonly maxHeapMb: number;
}

const LIMITS: SourceReaderLimits = { timeoutMs: 20_000, maxHeapMb: 256 };

/** In UTF-16 units: a shorter text is read in milliseconds, which is less than a thread takes to start. */
const MAX_INLINE_CHARS = 20_000;

/**
 * Makes a reader. Long texts are read in a worker thread, one after the other, each in a thread of its own, which is
 * ended where it takes more than the limits.
 */
export function createSourceReader(limits = LIMITS): SourceReader {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async read(source) {
      if ((source.content.text?.length ?? 0) <= MAX_INLINE_CHARS) return readSource(source);
      const reading = last.then(() => readInWorker(source, limits));
      last = reading.catch(() => {});
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
  worker.once('exit', () => reject(new Error('The thread that reads sources has ended early.')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
