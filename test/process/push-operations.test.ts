import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { startGateway } from '../helpers/gateway.ts';
import { createDataDir, runCommandHere } from '../helpers/process.ts';
import { createPersistedOnlyKey, idOf } from '../operations/support.ts';

const KIND = 'query Kind { viewer { kind } }';

/** Opens a gateway, and the command line of its database. */
async function openCommandLine() {
  const dataDir = await createDataDir();
  const gateway = await startGateway();
  const env = { DATA_DIR: dataDir, DATABASE_URL: gateway.deps.config.databaseUrl };
  const writeManifest = async (content: unknown) => {
    const path = join(dataDir, 'documents.json');
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const run = (...args: string[]) => runCommandHere({ args: ['operations', 'push', ...args], env });
  return { gateway, writeManifest, run };
}

describe('operations push', () => {
  it('stores the documents beside a running gateway, which runs them within 2 seconds', async () => {
    const { gateway, writeManifest, run } = await openCommandLine();
    const { key } = await createPersistedOnlyKey(gateway);
    const ask = async () => {
      const response = await gateway.fetch(`/graphql?documentId=${idOf(KIND)}`, { headers: { 'x-api-key': key } });
      return response.status;
    };
    expect(await ask()).toBe(403);
    const path = await writeManifest({ kind: KIND });
    const [account] = await gateway.deps.db.read.selectFrom('accounts').select('name').execute();
    const pushed = await run(path, '--name', 'web', '--account', account?.name ?? '');
    expect(pushed).toMatchObject({ code: 0, stdout: 'web has 1 documents in version 1.\n', stderr: '' });
    await vi.waitFor(async () => expect(await ask()).toBe(200), { timeout: 2_000 });
    const value = JSON.parse((await run(path, '--name', 'web', '--json', '--account', account?.name ?? '')).stdout);
    expect(value).toEqual({ id: expect.any(String), name: 'web', version: 1, documents: 1 });
    await gateway.close();
  });

  it('pushes to the address of a gateway with a key', async () => {
    const { gateway, writeManifest, run } = await openCommandLine();
    const path = await writeManifest({ kind: KIND });
    const remote = ['--name', 'web', '--url', `${gateway.url}/`, '--key'];
    expect(await run(path, ...remote, gateway.key)).toMatchObject({
      code: 0,
      stdout: 'web has 1 documents in version 1.\n',
    });
    const invalid = await writeManifest({ kind: KIND, broken: '{ nonsense }', large: '{' });
    const refused = await run(invalid, ...remote, gateway.key);
    expect(refused.code).toBe(1);
    expect(refused.stderr.trim().split('\n')).toEqual([
      'Nothing was pushed.',
      'broken: Cannot query field "nonsense" on type "Query". Did you mean "nodes"?',
      expect.stringMatching(/^large: Syntax Error/),
    ]);
    const readOnly = await gateway.createKey(gateway.accountId, ['READ']);
    expect((await run(path, ...remote, readOnly)).stderr).toMatch(/refuses the push: .*scope/);
    expect((await run(path, ...remote, 'nonsense')).stderr).toMatch(/refuses the push: Unauthorized/);
    await gateway.close();
    expect((await run(path, ...remote, gateway.key)).stderr).toMatch(/^There is no gateway at /);
  });

  it('says what is wrong with its arguments and its file', async () => {
    const { gateway, writeManifest, run } = await openCommandLine();
    const account = ['--account', gateway.accountId];
    const reasonOf = async (...args: string[]) => {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      return stderr;
    };
    const path = await writeManifest({ kind: KIND });
    expect(await reasonOf()).toMatch(/^Give a file/);
    expect(await reasonOf(path)).toMatch(/^Give a file/);
    expect(await reasonOf('/nowhere.json', '--name', 'web', ...account)).toBe('Cannot read /nowhere.json: ENOENT.\n');
    expect(await reasonOf(path, '--name', 'web', '--account', 'Nobody')).toBe('There is no account Nobody.\n');
    expect(await reasonOf(path, '--name', 'chat', ...account)).toMatch(
      /`chat` is the manifest that the gateway contains/,
    );
    await gateway.createTenant();
    expect(await reasonOf(path, '--name', 'web')).toBe('Name the account by --account.\n');
    expect(await reasonOf(await writeManifest('{'), '--name', 'web', ...account)).toBe('The file is not JSON.\n');
    await gateway.close();
  });
});
