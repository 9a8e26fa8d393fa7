import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CORES, pin } from './server.ts';

/** The request that a load generator sends repeatedly. */
export interface LoadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The result of a burst of requests. */
export interface BurstResult {
  /** The number of requests with a response. */
  readonly requests: number;
  /** The number of requests that were refused (status 400 and above), failed or timed out. */
  readonly failures: number;
}

/** Sends requests on 16 connections; each connection sends the next request when it has received a response. */
export interface LoadGenerator {
  readonly name: string;
  /** Sends for a number of seconds, on the load's core. */
  send(request: LoadRequest, seconds: number): Promise<BurstResult>;
}

const CONNECTIONS = '16';
const runCommand = promisify(execFile);

/**
 * Selects the load generator: `wrk` if it is installed, else autocannon. Autocannon needs more CPU time per request
 * than a fast server. Such a server could respond to more requests per second than autocannon sends, but its measured
 * CPU time per request is correct.
 */
export async function findLoadGenerator(name?: string): Promise<LoadGenerator> {
  const hasWrk = await runCommand('wrk', ['-v']).then(
    () => true,
    // `wrk -v` prints its version, and exits with an error.
    (error: { code?: unknown }) => error.code !== 'ENOENT',
  );
  if (name === undefined) return hasWrk ? wrk : autocannon;
  const generator = [wrk, autocannon].find((each) => each.name === name);
  if (generator === undefined) throw new Error(`There is no load generator ${name}.`);
  return generator;
}

const wrk: LoadGenerator = {
  name: 'wrk',
  async send({ url, headers, body }, seconds) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-load-'));
    try {
      const script = join(dir, 'request.lua');
      await writeFile(script, luaScript(headers, body));
      const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url];
      const { stdout } = await runCommand(...pin(CORES.load, 'wrk', args));
      return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as BurstResult;
    } finally {
      await rm(dir, { recursive: true });
    }
  },
};

function luaScript(headers: LoadRequest['headers'], body: string): string {
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
    // Autocannon's shebang runs the first `node` on the PATH, which must be the project's version.
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
    const { stdout } = await runCommand(...pin(CORES.load, join(bin, 'autocannon'), args), { env });
    const result = JSON.parse(stdout) as { requests: { total: number }; non2xx: number; errors: number };
    return { requests: result.requests.total, failures: result.non2xx + result.errors };
  },
};
