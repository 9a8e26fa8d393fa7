import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { issueApiKey } from '../../src/access/api-keys.ts';
import { openDatabase } from '../../src/store/database.ts';
import { addChatbot } from '../helpers/corpus.ts';
import { createDataDir, runCommandHere, runProgram, startGatewayProcess } from '../helpers/process.ts';

/** Functions that run commands on a new database. */
async function openCommandLine() {
  const env = { DATA_DIR: await createDataDir() };
  const command = (...args: string[]) => runCommandHere({ args, env });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await command(...args, '--json');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    return JSON.parse(stdout);
  };
  return { env, command, json };
}

const KEY = /^ic_[0-9A-Za-z]{42}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function statusOf(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/v1/chatbots`, { headers: { 'x-api-key': key } });
  return response.status;
}

describe('the command line', () => {
  it('creates accounts, and creates, lists and revokes keys, with text output', async () => {
    const { env } = await openCommandLine();
    const command = (...args: string[]) => runProgram({ args, env });
    const created = await command('accounts', 'create', 'Acme Ltd');
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const [id = ''] = created.stdout.split('  ');
    expect(id).toMatch(UUID);
    expect(created.stdout).toBe(`${id}  Acme Ltd\n`);

    for (const account of ['Acme Ltd', id]) {
      const { code, stdout } = await command('keys', 'create', '--account', account, '--name', 'Website');
      expect([code, stdout.split('\n')[0]]).toEqual([0, expect.stringMatching(KEY)]);
      expect(stdout).toContain('not shown again');
    }
    const listed = await command('keys', 'list');
    expect(listed.stdout.trim().split('\n')).toHaveLength(2);
    expect(listed.stdout).toMatch(/Acme Ltd {2}Website {2}READ,CHAT,MANAGE {2}active/);
    expect(listed.stdout).not.toMatch(/ic_\w{42}/);

    const [keyId = ''] = listed.stdout.split('  ');
    expect(await command('keys', 'revoke', keyId)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Revoked ic_/),
    });
    expect((await command('keys', 'list')).stdout).toMatch(/revoked\n/);
  });

  it('prints one JSON value for each command with --json', async () => {
    const { json } = await openCommandLine();
    expect(await json('keys', 'list')).toEqual([]);
    const account = await json('accounts', 'create', 'Acme');
    expect(account).toMatchObject({ id: expect.stringMatching(UUID), name: 'Acme', createdAt: expect.any(String) });
    const created = await json('keys', 'create', '--account', 'Acme', '--name', 'CI', '--scopes', 'chat, READ');
    expect(created).toMatchObject({
      id: expect.stringMatching(UUID),
      key: expect.stringMatching(KEY),
      accountId: account.id,
      name: 'CI',
      scopes: ['READ', 'CHAT'],
      revokedAt: null,
    });
    const { key, ...keyInfo } = created;
    expect(await json('keys', 'list')).toEqual([{ ...keyInfo, accountName: 'Acme' }]);
    expect(await json('keys', 'revoke', created.id)).toEqual({ id: created.id, revoked: true });
    expect((await json('keys', 'list'))[0].revokedAt).not.toBeNull();
    expect(key.startsWith(keyInfo.prefix)).toBe(true);
  });

  it('creates a key that expires and is restricted to chatbots', async () => {
    const { env, command, json } = await openCommandLine();
    const { id: accountId } = await json('accounts', 'create', 'Acme');
    const db = await openDatabase({ url: `sqlite:${join(env.DATA_DIR, 'chatgraph.db')}`, role: 'tool' });
    const [{ chatbotId: help }, { chatbotId: shop }] = [
      await addChatbot(db, accountId),
      await addChatbot(db, accountId),
    ];
    await db.transaction((trx) => trx.updateTable('chatbots').set({ slug: 'help' }).where('id', '=', help).execute());
    await db.close();
    const create = ['keys', 'create', '--account', 'Acme', '--name', 'Agency'];
    const options = ['--expires', '2099-01-01T00:00:00Z', '--chatbot', 'help', '--chatbot', shop];
    expect(await json(...create, ...options)).toMatchObject({
      expiresAt: '2099-01-01T00:00:00.000000+00:00',
      chatbotIds: [help, shop].sort(),
    });
    const inDays = Date.parse((await json(...create, '--expires', '30d')).expiresAt) - Date.now();
    expect(inDays / 86_400_000).toBeCloseTo(30, 1);
    for (const [option, value, reason] of [
      ['--expires', 'soon', /--expires must be days/],
      ['--expires', '2020-01-01', /Must be in the future/],
      ['--chatbot', 'absent', /no chatbot absent/],
    ] as const) {
      const { code, stderr } = await command(...create, option, value);
      expect([code, stderr]).toEqual([1, expect.stringMatching(reason)]);
    }
  });

  it('creates a key that a running gateway accepts at once, and rejects within a second of revocation', async () => {
    const { env, json } = await openCommandLine();
    const gateway = await startGatewayProcess({ env: { ...env, RATE_LIMIT_PER_MINUTE: '100000' } });
    await json('accounts', 'create', 'Acme');
    const { id, key } = await json('keys', 'create', '--account', 'Acme', '--name', 'CI');
    expect(await statusOf(gateway.url, key)).toBe(200);
    await json('keys', 'revoke', id);
    await vi.waitFor(async () => expect(await statusOf(gateway.url, key)).toBe(401), { timeout: 1_000, interval: 20 });
    expect(await statusOf(gateway.url, gateway.key)).toBe(200);
  });

  it.each<[string, string[], RegExp]>([
    ['an account name that is taken', ['accounts', 'create', 'Default'], /^name: Another account has this name\.\n$/],
    ['an account without a name', ['accounts', 'create'], /^name: Must not be empty\.\n$/],
    ['a key without an account', ['keys', 'create', '--name', 'X'], /^account: Must not be empty\.\n$/],
    ['a key of an unknown account', ['keys', 'create', '--account', 'X', '--name', 'Y'], /^There is no account X\.\n$/],
    ['a key without a name', ['keys', 'create', '--account', 'Default'], /^name: Must not be empty\.\n$/],
    [
      'a key with an unknown scope',
      ['keys', 'create', '--account', 'Default', '--name', 'X', '--scopes', 'read,fly'],
      /^Scopes are read, chat, manage; not FLY\.\n$/,
    ],
    ['revoking an unknown key', ['keys', 'revoke', 'nonsense'], /^There is no key nonsense\.\n$/],
    ['revoking nothing', ['keys', 'revoke'], /\n$/],
  ])('rejects %s with exit code 1 and one line', async (_what, args, line) => {
    const { command } = await openCommandLine();
    if (args.includes('Default')) await command('accounts', 'create', 'Default');
    const { code, stdout, stderr } = await command(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('rejects names with terminal control characters, and escapes stored names that contain them', async () => {
    const { env, command, json } = await openCommandLine();
    const evil = 'CI\u001b[2J\u009b1m\u202e\nforged  line';
    for (const args of [
      ['accounts', 'create', evil],
      ['keys', 'create', '--account', 'Acme', '--name', evil],
      ['keys', 'revoke', `\u001b]0;${evil}`],
    ]) {
      const { code, stdout, stderr } = await command(...args);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^[^\p{Cc}\p{Bidi_Control}]+\n/u);
    }
    const account = await json('accounts', 'create', 'Acme');
    const db = await openDatabase({ url: `sqlite:${join(env.DATA_DIR, 'chatgraph.db')}`, role: 'tool' });
    await db.transaction((trx) => issueApiKey(trx, Date.now(), account.id, { name: evil, scopes: ['READ'] }));
    await db.close();
    const { stdout } = await command('keys', 'list');
    expect(stdout).toMatch(/^[^\p{Cc}\p{Bidi_Control}]+\n$/u);
    expect(stdout).toContain('CI\\u001b[2J\\u009b1m\\u202e\\u000aforged  line');
    const listed = await command('keys', 'list', '--json');
    expect(listed.stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ name: evil }]);
  });

  it('rejects a sixth active key for an account', async () => {
    const { env, command, json } = await openCommandLine();
    const account = await json('accounts', 'create', 'Acme');
    const db = await openDatabase({ url: `sqlite:${join(env.DATA_DIR, 'chatgraph.db')}`, role: 'tool' });
    await db.transaction(async (trx) => {
      for (let count = 0; count < 5; count++) {
        await issueApiKey(trx, Date.now(), account.id, { name: 'CI', scopes: ['READ'] });
      }
    });
    await db.close();
    const refused = await command('keys', 'create', '--account', 'Acme', '--name', 'CI');
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^Maximum 5 active/) });
  });

  it.each([[['nonsense']], [['keys']], [['keys', 'nonsense']], [['keys', 'list', '--nonsense']]])(
    'rejects %j with usage on stderr and exit code 2',
    async (args) => {
      const { command } = await openCommandLine();
      const { code, stdout, stderr } = await command(...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain('Usage: chatgraph [command]');
    },
  );

  it.each([[['--help']], [['-h']], [['help']], [['keys', 'list', '--help']]])(
    'prints its usage for %j',
    async (args) => {
      const { command } = await openCommandLine();
      const { code, stdout, stderr } = await command(...args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^Usage: chatgraph \[command\]/);
    },
  );
});
