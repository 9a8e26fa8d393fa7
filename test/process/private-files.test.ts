import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import type { ReportExposedFiles } from '../../src/store/engines/private-files.ts';
import { createDataDir, runProgram, startGatewayProcess } from '../helpers/process.ts';

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

async function modesIn(folder: string) {
  const names = (await readdir(folder)).toSorted();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await modeOf(join(folder, name))])));
}

const PRIVATE_MODES = {
  'chatgraph.db': '600',
  'chatgraph.db-shm': '600',
  'chatgraph.db-wal': '600',
  'chatgraph.lock': '600',
  'chatgraph.lock-journal': '600',
};

it('lets only the user of the gateway read the data folder and its files, including existing files', async () => {
  const DATA_DIR = join(await createDataDir(), 'new', 'data');
  const env = { DATA_DIR, SEED_DEMO: 'false' };
  const first = await startGatewayProcess({ env });
  expect([await modeOf(DATA_DIR), await modesIn(DATA_DIR)]).toEqual(['700', PRIVATE_MODES]);
  expect(first.stderr).not.toContain('other users');
  const headers = { 'x-api-key': first.key, 'content-type': 'application/json' };
  const input = '{ provider: "openai", apiKey: "sk-secret" }';
  const query = `mutation { setProviderKey(input: ${input}) { __typename } }`;
  await fetch(`${first.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  expect(await modesIn(DATA_DIR)).toEqual({ ...PRIVATE_MODES, 'secret.key': '600' });
  first.kill('SIGKILL');
  await first.exited;

  await chmod(DATA_DIR, 0o755);
  await writeFile(join(DATA_DIR, 'backup.db'), 'a');
  for (const name of await readdir(DATA_DIR)) await chmod(join(DATA_DIR, name), 0o664);
  const second = await startGatewayProcess({ env });
  expect([await modeOf(DATA_DIR), await modesIn(DATA_DIR)]).toEqual([
    '700',
    { ...PRIVATE_MODES, 'backup.db': '600', 'secret.key': '600' },
  ]);
  const line = second.stderr.split('\n').find((text) => text.includes('other users could read'));
  expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 40, paths: expect.arrayContaining([DATA_DIR]) });
  second.kill('SIGTERM');
  await second.exited;

  await chmod(DATA_DIR, 0o750);
  const { code, stderr } = await runProgram({ args: ['keys', 'list'], env });
  expect([code, stderr]).toEqual([0, `Removed the permission of other users to read: ${DATA_DIR}\n`]);
  expect(await modeOf(DATA_DIR)).toBe('700');
});

it('restricts only its own files in a folder that other programs use', async () => {
  const folder = join(await createDataDir(), 'shared');
  await mkdir(folder);
  await chmod(folder, 0o1777);
  for (const name of ['notes.txt', 'main.db']) await writeFile(join(folder, name), '');
  for (const name of ['notes.txt', 'main.db']) await chmod(join(folder, name), 0o644);
  const reports: Parameters<ReportExposedFiles>[0][] = [];
  const umask = process.umask(0);
  const db = await openDatabase({
    url: `sqlite:${join(folder, 'main.db')}`,
    role: 'gateway',
    onExposedFiles: (report) => reports.push(report),
  }).finally(() => process.umask(umask));
  expect(await modesIn(folder)).toEqual({
    ...{ 'main.db': '600', 'main.db-shm': '600', 'main.db-wal': '600', 'main.lock': '600', 'main.lock-journal': '600' },
    'notes.txt': '644',
  });
  expect([await modeOf(folder), reports]).toEqual(['777', [{ paths: [join(folder, 'main.db')], isRestricted: true }]]);
  await db.close();
});
