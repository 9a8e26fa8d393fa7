import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { askReporter, type CpuClock, createCpuClock } from './cpu.ts';

/** A server under measurement, in a process of its own. */
export interface Server {
  readonly url: string;
  readonly cpu: CpuClock;
  /** The bytes in use after a collection; it must run with `--expose-gc`. */
  readHeap(): Promise<number>;
  /** Where its stderr, which is its log, goes. */
  readonly logPath: string;
  close(): Promise<void>;
}

/** How to start a server. */
export interface ServerOptions {
  /** The script to run, relative to the project. It prints its address on stdout. */
  readonly script: string;
  readonly args?: readonly string[];
  /** What Node itself is told. */
  readonly flags?: readonly string[];
  /** All of its environment but PATH: settings of whoever runs the benchmark must not leak in. */
  readonly env: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Where it runs; absent: on the servers' core. */
  readonly core?: number;
}

/** The core of the servers and that of the load. */
export const CORES = { server: 0, load: 1 } as const;

/** Whether processes are held on their core; without it they disturb each other, and figures scatter more. */
export const canPin = availableParallelism() >= 2 && hasTaskset();

/** The command line that runs `command` on one core, where that can be had. */
export function pin(core: number, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}

const START_TIMEOUT_MS = 20_000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Starts a server and waits until it listens.
 * @throws when it ends or stays silent for 20 seconds; the message holds its log.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { script, args = [], flags = [], env, logPath, core = CORES.server } = options;
  const node = ['--import', './bench/reporter.ts', ...flags, script, ...args];
  const [command, line] = pin(core, process.execPath, node);
  const log = openSync(logPath, 'a');
  let isClosing = false;
  const child = spawn(command, line, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', log, 'ipc'],
  });
  try {
    const url = await readUrl(child);
    child.once('exit', (code, signal) => {
      if (!isClosing) console.error(`${script} ended by itself: exit code ${code}, signal ${signal}`);
    });
    const close = () => {
      isClosing = true;
      return stop(child);
    };
    return { url, cpu: createCpuClock(child), readHeap: () => askReporter(child, 'heap'), logPath, close };
  } catch (error) {
    await stop(child);
    throw new Error(`${script} did not start:\n${readFileSync(logPath, 'utf8')}`, { cause: error });
  }
}

function readUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('no address in time')), START_TIMEOUT_MS);
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`exit code ${code}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
