import { parseArgs } from 'node:util';
import { z } from 'zod';
import { issueApiKey } from './access/api-keys.ts';
import { readConfig, readKey } from './config.ts';
import type { ApiKey } from './domain/entities.ts';
import { InvalidInputError, RefusalError, StartupError, StorageUnavailableError } from './domain/errors.ts';
import { createId } from './domain/ids.ts';
import { nameText, parseInput } from './domain/input.ts';
import { toPlainLine, toPlainLines } from './domain/plain-text.ts';
import { trimTrailingSlashes } from './domain/text.ts';
import { systemClock, type Timestamp, toTimestamp } from './domain/time.ts';
import { findNamedChatbots, readExpiry, readScopes } from './key-options.ts';
import type { PushedFile } from './push-file.ts';
import { findAccountByIdOrName, insertAccount } from './store/accounts.ts';
import { listAllApiKeys, markApiKeyRevoked } from './store/api-keys.ts';
import { type Database, openDatabase } from './store/database.ts';
import { describeFailure } from './store/engines/error-codes.ts';
import type { ReportExposedFiles } from './store/engines/private-files.ts';

const USAGE = `Usage: chatgraph [command]

  start                                             run the gateway (the default)
  accounts create <name>                            create an account
  keys create --account <name or id> --name <name>  create an API key; it is shown once
       [--scopes read,chat,manage]
       [--expires <days or time>]                   invalid after 30d, or from 2027-01-01T00:00:00Z on
       [--chatbot <id or slug>]                     restrict the key to a chatbot; may be repeated
  keys list                                         list the keys of all accounts
  keys revoke <id>                                  revoke a key permanently
  operations push <file> --name <name>              store the documents of a front end as a version of a manifest;
       [--account <name or id>]                     a file of Apollo, Relay or GraphQL Code Generator
       [--url http://… --key ic_…, else CHATGRAPH_KEY]  push to a gateway elsewhere; needs a key with MANAGE
  migrate-to <postgres://…>                         copy the SQLite database to an empty Postgres; a second run resumes
  webhooks listen                                   print deliveries as they happen; needs a key with MANAGE
       [--url http://127.0.0.1:4000] [--key ic_…, else CHATGRAPH_KEY] [--subscription <id>]
       [--forward <url>]                            also post each payload there, signed as for its endpoint

  --json   print one JSON value; \`webhooks listen\` prints one a line
  --help   print this
`;

const PROGRESS_MS = 1_000;

/** The environment and the outputs of a command. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** The result of a command: a text for people, and a JSON value for programs. */
interface CommandResult {
  readonly text: string;
  readonly value: unknown;
}

/**
 * Runs a command on the configured database, which a gateway may be using at the same time. `webhooks listen` instead
 * connects to a gateway, prints to the process's own output, and runs until the process ends.
 * @returns the exit code: 0 for success, 1 for a refusal, 2 for a usage error.
 */
export async function runCommand(args: readonly string[], context: CommandContext = process): Promise<number> {
  const { env, stdout, stderr } = context;
  let parsed: ReturnType<typeof parseCommand>;
  try {
    parsed = parseCommand(args);
  } catch (error) {
    stderr.write(`${toPlainLines(error instanceof Error ? error.message : String(error))}\n\n${USAGE}`);
    return 2;
  }
  const { positionals, values } = parsed;
  const [first = '', second = ''] = positionals;
  const [name, ...operands] = first in COMMANDS ? positionals : [`${first} ${second}`.trim(), ...positionals.slice(2)];
  const command = COMMANDS[name ?? ''];
  if (values.help || first === 'help') {
    stdout.write(USAGE);
    return 0;
  }
  if (command === undefined) {
    stderr.write(`Unknown command: ${toPlainLine(positionals.join(' '))}\n\n${USAGE}`);
    return 2;
  }
  try {
    const { text, value } = await command(readConfig(env).databaseUrl, operands, values, context);
    stdout.write(`${toPlainLines(values.json ? JSON.stringify(value) : text)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof RefusalError || error instanceof StartupError)) throw error;
    const isStorage = error instanceof StorageUnavailableError;
    const reason = isStorage ? `Cannot use the database: ${describeFailure(error)}` : error.message;
    stderr.write(`${toPlainLines(reason)}\n`);
    return 1;
  }
}

function parseCommand(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      account: { type: 'string' },
      name: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      chatbot: { type: 'string', multiple: true },
      url: { type: 'string' },
      key: { type: 'string' },
      subscription: { type: 'string' },
      forward: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

type Values = ReturnType<typeof parseCommand>['values'];
type Command<T> = (
  database: T,
  operands: readonly string[],
  values: Values,
  context: CommandContext,
) => Promise<CommandResult>;

/** The commands by name; each receives the URL of the database. */
const COMMANDS: Readonly<Record<string, Command<string>>> = {
  'accounts create': withDatabase(createAccount),
  'keys create': withDatabase(createKey),
  'keys list': withDatabase(listKeys),
  'keys revoke': withDatabase(revokeKey),
  'operations push': pushManifest,
  'migrate-to': migrateTo,
  'webhooks listen': listenToWebhooks,
};

function withDatabase(command: Command<Database>): Command<string> {
  return async (url, operands, values, context) => {
    const onExposedFiles: ReportExposedFiles = (files) => context.stderr.write(describeExposedFiles(files));
    const db = await openDatabase({ url, role: 'tool', onExposedFiles });
    try {
      return await command(db, operands, values, context);
    } finally {
      await db.close();
    }
  };
}

function describeExposedFiles({ paths, isRestricted }: Parameters<ReportExposedFiles>[0]): string {
  const message = isRestricted ? 'Removed the permission of other users to read' : 'Other users can read';
  return `${message}: ${toPlainLine(paths.join(', '))}\n`;
}

async function createAccount(db: Database, operands: readonly string[]): Promise<CommandResult> {
  const { name } = parseInput(z.object({ name: nameText }), { name: operands[0] ?? '' });
  const account = { id: createId('account'), name, createdAt: toTimestamp(systemClock.now()) };
  await db.transaction(async (trx) => {
    if ((await findAccountByIdOrName(trx, name)) !== undefined) {
      throw new InvalidInputError([{ path: ['name'], message: 'Another account has this name.' }]);
    }
    await insertAccount(trx, account);
  });
  return { text: `${account.id}  ${toPlainLine(account.name)}`, value: account };
}

async function createKey(db: Database, _operands: readonly string[], values: Values): Promise<CommandResult> {
  const rules = z.object({ account: nameText, name: nameText });
  const { account: accountName, name } = parseInput(rules, { account: values.account ?? '', name: values.name ?? '' });
  const scopes = readScopes(values.scopes);
  const expiresAt = readExpiry(values.expires, systemClock.now());
  const created = await db.transaction(async (trx) => {
    const account = await findAccountByIdOrName(trx, accountName);
    if (account === undefined) throw new StartupError(`There is no account ${accountName}.`);
    const chatbotIds = values.chatbot && (await findNamedChatbots(trx, account.id, values.chatbot));
    return issueApiKey(trx, systemClock.now(), account.id, { name, scopes, expiresAt, chatbotIds });
  });
  const value = { ...toPublicKey(created.apiKey), key: created.secret };
  return { text: `${created.secret}\nStore it now: it is not shown again.`, value };
}

async function listKeys(db: Database): Promise<CommandResult> {
  const keys = await listAllApiKeys(db.read);
  const now = toTimestamp(systemClock.now());
  const lines = keys.map((key) =>
    [key.id, key.prefix, key.accountName, key.name, key.scopes.join(','), stateOf(key, now)]
      // Names stored before control characters were forbidden may contain some.
      .map(toPlainLine)
      .join('  '),
  );
  return {
    text: lines.join('\n') || 'There are no keys.',
    value: keys.map((key) => ({ ...toPublicKey(key), accountName: key.accountName })),
  };
}

function stateOf({ revokedAt, expiresAt }: ApiKey, now: Timestamp): string {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active';
}

async function revokeKey(db: Database, operands: readonly string[]): Promise<CommandResult> {
  const id = operands[0]?.toLowerCase();
  if (id === undefined) throw new StartupError('Give the id of the key, as `keys list` shows it.');
  const key = await db.transaction(async (trx) => {
    const match = (await listAllApiKeys(trx)).find((candidate) => candidate.id === id);
    if (match === undefined) throw new StartupError(`There is no key ${id}.`);
    await markApiKeyRevoked(trx, match.accountId, id, toTimestamp(systemClock.now()));
    return match;
  });
  return { text: `Revoked ${key.prefix}… (${toPlainLine(key.name)}).`, value: { id: key.id, revoked: true } };
}

async function pushManifest(
  databaseUrl: string,
  operands: readonly string[],
  values: Values,
  context: CommandContext,
): Promise<CommandResult> {
  const [path] = operands;
  const { name, account } = values;
  if (path === undefined || name === undefined)
    throw new StartupError('Give a file, and --name with the name of its manifest.');
  // Imported only here, because no other command needs the schema.
  const { pushFileToDatabase, pushFileToGateway } = await import('./push-file.ts');
  const push = async (db: Database) => describePush(await pushFileToDatabase(db, account, { path, name }));
  if (values.url === undefined) return withDatabase(push)(databaseUrl, operands, values, context);
  const gateway = { url: trimTrailingSlashes(readAddress('--url', values.url)), key: requireKey(values, context) };
  return describePush(await pushFileToGateway(gateway, { path, name }));
}

function describePush(pushed: PushedFile): CommandResult {
  const { name, version, documents } = pushed;
  return { text: `${name} has ${documents} documents in version ${version}.`, value: pushed };
}

async function migrateTo(
  from: string,
  operands: readonly string[],
  _values: Values,
  { stderr }: CommandContext,
): Promise<CommandResult> {
  // Imported only here, because no other command needs both database drivers.
  const { copyDatabase } = await import('./store/copy/copy.ts');
  let lastProgressAt = 0;
  const { wasComplete, rows } = await copyDatabase({
    from,
    to: operands[0] ?? '',
    onProgress({ step, table, rows, total }) {
      const now = performance.now();
      const isMilestone = total === undefined || rows === total;
      if (rows === 0 || (!isMilestone && now - lastProgressAt < PROGRESS_MS)) return;
      lastProgressAt = now;
      stderr.write(`${step} ${table}: ${rows}${total === undefined ? '' : ` of ${total}`}\n`);
    },
  });
  const count = Object.values(rows).reduce((sum, rowCount) => sum + rowCount, 0);
  const summary = wasComplete ? 'The target is complete already' : 'Copied';
  return {
    text: `${summary}: ${count} rows in ${Object.keys(rows).length} tables, the same in both databases.`,
    value: { wasThere: wasComplete, rows },
  };
}

async function listenToWebhooks(
  _databaseUrl: string,
  _operands: readonly string[],
  values: Values,
  context: CommandContext,
): Promise<never> {
  const key = requireKey(values, context);
  const url = trimTrailingSlashes(readAddress('--url', values.url ?? 'http://127.0.0.1:4000'));
  const forwardUrl = values.forward && readAddress('--forward', values.forward);
  const { listen } = await import('./listen-to-webhooks.ts');
  const stop = () => process.exit(0);
  process.on('SIGINT', stop);
  // The program that reads the output, such as `head`, has closed the pipe.
  process.stdout.on('error', stop);
  return listen({ url, key, subscriptionId: values.subscription, forwardUrl, asJson: values.json ?? false });
}

function requireKey(values: Values, { env }: CommandContext): string {
  const key = values.key ?? readKey(env);
  if (key === undefined) throw new StartupError('Give a key by --key ic_… or CHATGRAPH_KEY.');
  return key;
}

function readAddress(option: string, text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text)) {
    throw new StartupError(`${option} must be an address such as http://127.0.0.1:4000.`);
  }
  return text;
}

function toPublicKey({ accountId, ...key }: ApiKey) {
  const { id, name, prefix, scopes, chatbotIds, createdAt, lastUsedAt, expiresAt, revokedAt } = key;
  return { id, accountId, name, prefix, scopes, chatbotIds, createdAt, lastUsedAt, expiresAt, revokedAt };
}
