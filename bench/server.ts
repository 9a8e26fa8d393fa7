import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type CpuClock, createCpuClock, requestFromReporter } from './cpu.ts';

/** A measured server, in a separate process. */
export interface Server {
  readonly url: string;
  readonly cpu: CpuClock;
  /** Reads the heap bytes in use after a garbage collection; needs `--expose-gc`. */
  readHeap(): Promise<number>;
  /** The path of the file that receives its stderr, which is its log. */
  readonly logPath: string;
  close(): Promise<void>;
}

/** The options for starting a server. */
export interface ServerOptions {
  /** The script to run, relative to the project. It prints its address on stdout. */
  readonly script: string;
  readonly args?: readonly string[];
  /** The flags of Node. */
  readonly flags?: readonly string[];
  /** The complete environment, except PATH: the settings of the user's shell must not affect a benchmark. */
  readonly env: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** The core it runs on; absent: the servers' core. */
  readonly core?: number;
}

/** The core of the servers and that of the load. */
export const CORES = { server: 0, load: 1 } as const;

/** Whether processes are pinned to their core; otherwise they disturb each other, and figures vary more. */
export const canPin = availableParallelism() >= 2 && hasTaskset();

/** Returns the command line that runs `command` on one core, if pinning is possible. */
export function pin(core: number, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}

const START_TIMEOUT_MS = 20_000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Starts a server and waits until it listens.
 * @throws if it exits, or prints no address within 20 seconds; the message contains its log.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { script, args = [], flags = [], env, logPath, core = CORES.server } = options;
  const node = ['--import', './bench/reporter.ts', ...flags, script, ...args];
  const [command, commandArgs] = pin(core, process.execPath, node);
  const log = openSync(logPath, 'a');
  let isClosing = false;
  const child = spawn(command, commandArgs, {
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
    return { url, cpu: createCpuClock(child), readHeap: () => requestFromReporter(child, 'heap'), logPath, close };
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
