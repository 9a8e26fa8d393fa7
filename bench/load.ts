import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CORES, pin } from './server.ts';

/** The request that is sent over and over. */
export interface Shot {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of a burst. */
export interface Burst {
  /** Requests that were answered. */
  readonly requests: number;
  /** Those of them that were refused (status 400 and above), broke off or took too long. */
  readonly failures: number;
}

/** Something that sends requests from 16 connections as fast as they are answered. */
export interface LoadGenerator {
  readonly name: string;
  /** Sends for so many seconds, on the load's core. */
  send(shot: Shot, seconds: number): Promise<Burst>;
}

const CONNECTIONS = '16';
const run = promisify(execFile);

/**
 * Picks the load generator: `wrk` where it is installed, else autocannon, which takes more of its core than a cheap
 * server does and so shows its floor too high in requests per second, but not in CPU time.
 */
export async function findLoadGenerator(wanted?: string): Promise<LoadGenerator> {
  const hasWrk = await run('wrk', ['-v']).then(
    () => true,
    // Prints its version, and fails.
    (error: { code?: unknown }) => error.code !== 'ENOENT',
  );
  if (wanted === undefined) return hasWrk ? wrk : autocannon;
  const found = [wrk, autocannon].find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`There is no load generator ${wanted}.`);
  return found;
}

const wrk: LoadGenerator = {
  name: 'wrk',
  async send({ url, headers, body }, seconds) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-load-'));
    try {
      const script = join(dir, 'shot.lua');
      await writeFile(script, luaScript(headers, body));
      const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url];
      const { stdout } = await run(...pin(CORES.load, 'wrk', args));
      return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Burst;
    } finally {
      await rm(dir, { recursive: true });
    }
  },
};

function luaScript(headers: Shot['headers'], body: string): string {
  return [
    'wrk.method = "POST"',
    `wrk.body = [==[${body}]==]`,
    ...Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = [==[${value}]==]`),
    'done = function(summary)',
    '  local e = summary.errors',
    '  local failures = e.connect + e.read + e.write + e.status + e.timeout',
    `  print(string.format('{"requests":%d,"failures":%d}', summary.requests, failures))`,
    'end',
    '',
  ].join('\n');
}

const autocannon: LoadGenerator = {
  name: 'autocannon',
  async send({ url, headers, body }, seconds) {
    const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const args = ['--json', '-c', CONNECTIONS, '-d', String(seconds), '-m', 'POST', ...flags, '-b', body, url];
    const bin = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url));
    // Its first line asks for a `node` on the PATH; let it be ours.
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
    const { stdout } = await run(...pin(CORES.load, join(bin, 'autocannon'), args), { env });
    const result = JSON.parse(stdout) as { requests: { total: number }; non2xx: number; errors: number };
    return { requests: result.requests.total, failures: result.non2xx + result.errors };
  },
};
