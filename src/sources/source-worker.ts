/** The thread of `source-reader.ts`: reads the one source that it is started with. */
import { parentPort, workerData } from 'node:worker_threads';
import { readSource } from './read-source.ts';

parentPort?.postMessage(readSource(workerData));
