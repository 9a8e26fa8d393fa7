import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A program that was started, with what it says. */
export interface Running {
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the exit code, or the name of the signal that ended it, when it and its output have ended. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Resolves when what was said on a stream fits; rejects when the program ends and it does not. */
  until(stream: 'stdout' | 'stderr', fits: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal to the program that was started, and to no other. */
  kill(signal: NodeJS.Signals): void;
  /** Lets a program run that was held. */
  release(): void;
}

/** A gateway in a process of its own. */
export interface RunningGateway extends Running {
  readonly url: string;
  /** The first key, where this start has printed one; else empty. */
  readonly key: string;
  /** The id of the process that answers, which is not npm's. */
  readonly pid: number;
}

/** How to start one. */
export interface ProcessOptions {
  readonly args?: readonly string[];
  /** What `node` runs; absent: the program. */
  readonly script?: string;
  /** Settings on top of an environment that has none. */
  readonly env?: Readonly<Record<string, string>>;
  /** `npm` runs it as people do; `node` as services do. */
  readonly through?: 'npm' | 'node';
  /** Loads the program, which takes most of the time of a start, and waits for `release` before it runs it. */
  readonly isHeld?: boolean;
}

/** What a program leaves behind that has ended. */
export interface Finished {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes a folder for a database, deleted when the test has ended. */
export async function createDataDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'chatgraph-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts the program in the project's folder; whatever is left of it at the end of the test is killed. */
export function startProgram(options: ProcessOptions): Running {
  const { args = [], script = 'bin/chatgraph.js', env = {}, through = 'node', isHeld = false } = options;
  const hold = isHeld ? ['--import', './test/helpers/hold.ts'] : [];
  const [command, commandArgs] =
    through === 'node' ? ['node', [...hold, script, ...args]] : ['npm', ['start', ...args]];
  const { HOME = '', PATH = '' } = process.env;
  const child = spawn(command, commandArgs, {
    cwd: ROOT,
    env: { HOME, PATH: join(ROOT, 'node_modules/.bin') + delimiter + PATH, ...env },
    stdio: [isHeld ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    // A group of its own, so that it can be ended with all that it started.
    detached: true,
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  const output = { stdout: '', stderr: '' };
  const isOver = { stdout: false, stderr: false };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      output[name] += text;
    });
    child[name].on('end', () => {
      isOver[name] = true;
    });
  }
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  onTestFinished(async () => {
    killGroup(child);
    await exited;
  });
  return {
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    exited,
    async until(stream, fits) {
      while (true) {
        const found = fits.exec(output[stream]);
        if (found) return found;
        if (isOver[stream]) throw new Error(`It ended without saying ${fits}.\n${output.stdout}\n${output.stderr}`);
        await Promise.race(['data', 'end'].map((event) => once(child[stream], event)));
      }
    },
    kill: (signal) => void child.kill(signal),
    release: () => void child.stdin?.end('go'),
  };
}

/** Runs the program to its end. */
export async function runProgram(options: ProcessOptions): Promise<Finished> {
  const running = startProgram(options);
  const code = await running.exited;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** Starts a gateway on a free port and waits until it says that it is ready. */
export async function startGatewayProcess({ env, ...options }: ProcessOptions): Promise<RunningGateway> {
  return awaitGateway(startProgram({ ...options, env: { PORT: '0', ...env } }));
}

/** Waits until a gateway that was started on a free port says that it is ready. */
export async function awaitGateway(running: Running): Promise<RunningGateway> {
  // The block is printed in one piece, with two line ends at its end.
  const block = await running.until('stdout', /GraphiQL +(http:\S+)\/graphql[\s\S]*\n\n/);
  const url = block[1] ?? '';
  const [key = ''] = /\bic_\w{42}\b/.exec(running.stdout) ?? [];
  await fetch(`${url}/health`);
  const [, pid] = await running.until('stderr', /"pid":(\d+)/);
  return Object.assign(running, { url, key, pid: Number(pid) });
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}
