import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { inject, onTestFinished } from 'vitest';
import { runCommand } from '../../src/cli.ts';
import { bundleOf } from '../setup/bundles.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A started program, with its output so far. */
export interface RunningProgram {
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the exit code or the ending signal, once the program and its output have ended. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Resolves when a stream's output matches `pattern`; rejects if the stream ends without a match. */
  waitForOutput(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal to the started program only, not to its children. */
  kill(signal: NodeJS.Signals): void;
  /** Lets a preloaded program run. */
  runPreloaded(): void;
}

/** A gateway in its own process. */
export interface RunningGateway extends RunningProgram {
  readonly url: string;
  /** The first key if this start printed one, otherwise empty. */
  readonly key: string;
  /** The process id of the gateway itself, not of npm. */
  readonly pid: number;
}

/** How to start the program. */
export interface ProcessOptions {
  readonly args?: readonly string[];
  /** The script that `node` runs, or its bundle if it has one; by default `bin/chatgraph.js`. */
  readonly script?: string;
  /** Environment variables; of the test's own environment only HOME and PATH are inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** `npm` runs the sources, as a person would; `node`, the default, runs the bundle, which starts faster. */
  readonly launcher?: 'npm' | 'node';
  /** Loads the program's modules, which takes most of a start's time; the program runs only after `runPreloaded`. */
  readonly isPreloaded?: boolean;
}

/** The exit code and output of an ended program. */
export interface ProgramResult {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Creates a folder for a database, and deletes the folder after the test. */
export async function createDataDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'chatgraph-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts the program in the project's folder; after the test it and its children are killed. */
export function startProgram(options: ProcessOptions): RunningProgram {
  const { args = [], script = 'bin/chatgraph.js', env = {}, launcher = 'node', isPreloaded = false } = options;
  const bundles = inject('bundles');
  const preloadArgs = isPreloaded ? ['--import', bundleOf('test/helpers/preload.ts', bundles)] : [];
  const [command, commandArgs] =
    launcher === 'node' ? ['node', [...preloadArgs, bundleOf(script, bundles), ...args]] : ['npm', ['start', ...args]];
  const { HOME = '', PATH = '' } = process.env;
  const child = spawn(command, commandArgs, {
    cwd: ROOT,
    env: {
      HOME,
      PATH: join(ROOT, 'node_modules/.bin') + delimiter + PATH,
      NODE_COMPILE_CACHE: join(bundles, 'compile-cache'),
      ...env,
    },
    stdio: [isPreloaded ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    // A separate process group, so that it can be killed together with its children.
    detached: true,
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  const output = { stdout: '', stderr: '' };
  const hasEnded = { stdout: false, stderr: false };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => {
      output[name] += text;
    });
    child[name].on('end', () => {
      hasEnded[name] = true;
    });
  }
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  onTestFinished(async () => {
    killProcessGroup(child);
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
    async waitForOutput(stream, pattern) {
      while (true) {
        const match = pattern.exec(output[stream]);
        if (match) return match;
        if (hasEnded[stream]) throw new Error(`No output matched ${pattern}.\n${output.stdout}\n${output.stderr}`);
        await Promise.race(['data', 'end'].map((event) => once(child[stream], event)));
      }
    },
    kill: (signal) => void child.kill(signal),
    runPreloaded: () => void child.stdin?.end('go'),
  };
}

/** Runs the program to its end. */
export async function runProgram(options: ProcessOptions): Promise<ProgramResult> {
  const running = startProgram(options);
  const code = await running.exited;
  return { code, stdout: running.stdout, stderr: running.stderr };
}

/** Runs a command in this process, which takes a fraction of the time that a new process would. */
export async function runCommandHere({ args = [], env = {} }: ProcessOptions): Promise<ProgramResult> {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await runCommand(args, {
    env,
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
  });
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** Starts a gateway on a free port and waits until it is ready. */
export async function startGatewayProcess({ env, ...options }: ProcessOptions): Promise<RunningGateway> {
  return awaitGateway(startProgram({ ...options, env: { PORT: '0', ...env } }));
}

/** Waits until a gateway that was started on a free port is ready. */
export async function awaitGateway(running: RunningProgram): Promise<RunningGateway> {
  // The gateway prints its start message in one write, which ends with two newlines.
  const startMessage = await running.waitForOutput('stdout', /GraphiQL +(http:\S+)\/graphql[\s\S]*\n\n/);
  const url = startMessage[1] ?? '';
  const [key = ''] = /\bic_\w{42}\b/.exec(running.stdout) ?? [];
  await fetch(`${url}/health`);
  const [, pid] = await running.waitForOutput('stderr', /"pid":(\d+)/);
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

function killProcessGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
  } catch {
    // The group has already ended.
  }
}
