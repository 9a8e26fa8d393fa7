import { execFile, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { generateKey } from '../../src/domain/key-form.ts';
import { createDataDir, type RunningGateway, runProgram, startGatewayProcess } from '../helpers/process.ts';

const run = promisify(execFile);
const oldNodePath = ['/usr/bin/node'].find((path) =>
  /^v(1\d|2[0-3])\./.test(spawnSync(path, ['--version']).stdout?.toString()),
);
const FALLBACK = 'My sources, the documentation of ChatGraph, say nothing about that.';

interface Demo {
  readonly chatbots: { nodes: { slug: string; sources: { nodes: { title: string; status: string }[] } }[] };
}

async function listChatbots({ url, key }: Pick<RunningGateway, 'url' | 'key'>): Promise<Demo['chatbots']['nodes']> {
  const query = '{ chatbots { nodes { slug sources(first: 100) { nodes { title status } } } } }';
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  });
  const { data } = (await response.json()) as { data: Demo };
  return data.chatbots.nodes;
}

describe('the first start', () => {
  it('prints the URLs, a key shown only once, and a curl command that is answered from the documentation', async () => {
    const env = { DATA_DIR: await createDataDir() };
    const first = await startGatewayProcess({ env, launcher: 'npm' });
    const { url, key } = first;
    expect(key).toMatch(/^ic_\w{42}$/);
    for (const path of ['/docs', '/health']) expect(first.stdout).toContain(`${url}${path}\n`);
    expect(first.stdout).toMatch(new RegExp(`${url}/graphql#[\\w-]{32}\n`));
    expect(first.stdout).toContain(`API key         ${key}\n`);
    const page = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await fetch(`${url}/docs`)).status).toBe(200);

    const [curl = ''] = /^ *curl (?:[^\n]*\\\n)*[^\n]*/m.exec(first.stdout) ?? [];
    const { stdout } = await run('sh', ['-c', curl]);
    const answer = JSON.parse(stdout) as Record<string, string>;
    const texts = Object.values(answer).join(' ');
    expect(texts).toMatch(/messageStream|subscri/i);
    expect(texts).not.toContain(FALLBACK);

    first.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = await startGatewayProcess({ env, launcher: 'npm' });
    expect(second.url).not.toBe('');
    expect(second.stdout).not.toContain('ic_');
    expect(await listChatbots({ url: second.url, key })).toHaveLength(1);
  });

  it('logs JSON to stderr, without keys, and prints only the start message to stdout', async () => {
    const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' } });
    await listChatbots(gateway);
    await fetch(`${gateway.url}/v1/chatbots?secret=query`, { headers: { 'x-api-key': gateway.key } });
    await gateway.waitForOutput('stderr', /"path":"\/v1\/chatbots"/);
    gateway.kill('SIGTERM');
    expect(await gateway.exited).toBe(0);
    const lines = gateway.stderr.trim().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('msg');
    expect(gateway.stderr).not.toMatch(/ic_\w{20}|secret=query/);
    expect(gateway.stdout.trim().split('\n')[0]).toBe('ChatGraph is ready.');
  });

  it('creates a demo chatbot whose sources are the README and every user page of docs', async () => {
    const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir() } });
    const [demo, ...others] = await listChatbots(gateway);
    expect(others).toEqual([]);
    expect(demo?.slug).toBe('demo');
    const pages = (await readdir('docs')).filter((name) => name.endsWith('.md'));
    expect(pages).toEqual(expect.arrayContaining(['architecture.md', 'retrieval.md']));
    // The README of the project, and all pages of docs except these two.
    expect(demo?.sources.nodes).toHaveLength(1 + pages.length - 2);
    expect(demo?.sources.nodes.map(({ title }) => title)).not.toContain('Architecture');
    expect(new Set(demo?.sources.nodes.map(({ status }) => status))).toEqual(new Set(['DONE']));
    expect(demo?.sources.nodes.map(({ title }) => title)).toContain('ChatGraph');
  });

  it('leaves the account empty with SEED_DEMO=false, and prints no curl command', async () => {
    const gateway = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' } });
    expect(await listChatbots(gateway)).toEqual([]);
    expect(gateway.stdout).not.toContain('curl');
  });

  it('uses BOOTSTRAP_API_KEY as the first key', async () => {
    const env = { DATA_DIR: await createDataDir(), BOOTSTRAP_API_KEY: generateKey() };
    const first = await startGatewayProcess({ env });
    expect(await listChatbots({ url: first.url, key: env.BOOTSTRAP_API_KEY })).toHaveLength(1);
    first.kill('SIGTERM');
    await first.exited;
    // A second start with another key changes nothing.
    const second = await startGatewayProcess({ env: { ...env, BOOTSTRAP_API_KEY: generateKey() } });
    expect(await listChatbots({ url: second.url, key: env.BOOTSTRAP_API_KEY })).toHaveLength(1);
  });

  it('shows the key at the next start if the port was in use', async () => {
    const holder = await startGatewayProcess({ env: { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' } });
    const env = { DATA_DIR: await createDataDir() };
    const refused = await runProgram({ env: { ...env, PORT: new URL(holder.url).port } });
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    const { url, key } = await startGatewayProcess({ env });
    expect(key).toMatch(/^ic_\w{42}$/);
    expect(await listChatbots({ url, key })).toHaveLength(1);
  });
});

describe('a start that fails', () => {
  it('names every invalid setting, and exits with code 1', async () => {
    const env = { DATA_DIR: await createDataDir(), PORT: 'http', GRAPHIQL: 'yes', BOOTSTRAP_API_KEY: 'ic_wrong' };
    const { code, stdout, stderr } = await runProgram({ env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n')).toHaveLength(4);
    for (const name of ['PORT', 'GRAPHIQL', 'BOOTSTRAP_API_KEY']) expect(stderr).toContain(name);
    expect(stderr).not.toContain('ic_wrong');
  });

  it('rejects a port that is in use, with one line', async () => {
    const env = { SEED_DEMO: 'false' };
    const holder = await startGatewayProcess({ env: { ...env, DATA_DIR: await createDataDir() } });
    const { port } = new URL(holder.url);
    const { code, stderr } = await runProgram({ env: { ...env, DATA_DIR: await createDataDir(), PORT: port } });
    expect(code).toBe(1);
    expect(stderr).toBe(`Port ${port} on 127.0.0.1 is in use. Set PORT to another.\n`);
  });

  it('rejects a database that another gateway uses, with one line, and does not disturb that gateway', async () => {
    const env = { DATA_DIR: await createDataDir(), PORT: '0', SEED_DEMO: 'false' };
    const holder = await startGatewayProcess({ env });
    const { code, stdout, stderr } = await runProgram({ env });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^Another gateway is using .*chatgraph\.db\. .*\n$/);
    expect((await fetch(`${holder.url}/ready`)).status).toBe(200);
  });

  it('no longer fails once the gateway that used the database has been killed', async () => {
    const env = { DATA_DIR: await createDataDir(), SEED_DEMO: 'false' };
    const killed = await startGatewayProcess({ env });
    killed.kill('SIGKILL');
    await killed.exited;
    expect((await startGatewayProcess({ env })).url).toMatch(/^http/);
  });

  it.skipIf(oldNodePath === undefined)(
    'names the required Node version if Node is too old (the test needs Node 10 to 23 as /usr/bin/node)',
    async () => {
      const failure = await run(oldNodePath ?? '', ['bin/chatgraph.js']).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ChatGraph needs Node 24 .*\n$/) });
    },
  );
});
