import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { ERRORS } from '../../src/domain/errors.ts';
import { FAILURES } from '../../src/domain/failures.ts';
import { SETTINGS } from '../../src/settings.ts';
import { runProgram } from '../helpers/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/*.md', { cwd: ROOT })];
/** All pages in docs, including its folders. */
const DOCS = globSync('docs/**/*.md', { cwd: ROOT });
/** The pages whose links are checked. */
const LINKING_PAGES = [...new Set([...PAGES, ...DOCS, 'CHANGELOG.md'])];
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Names in capitals that are not settings, but may occur in the docs. */
const OTHER_NAMES = [
  ...['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'POSTGRES_PASSWORD', 'SITE_ADDRESS', 'CHATGRAPH_KEY', 'CHROMIUM_PATH'],
  ...['TEST_DATABASE_URL', 'TEST_REDIS_URL', 'RANDOM_MINUTES', 'RANDOM_REPORT', 'EVAL_DATA'],
  ...['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'REPLY_FAILED', 'REPLY_INTERRUPTED'],
];

/** The times that docs/scaling.md mentions, with the source files that define them. */
const TIMES = [
  ['src/app.ts', 'DRAIN_MS = 15_000'],
  ['src/main.ts', 'HARD_STOP_MS = 20_000'],
  ['src/replies/reply-watcher.ts', 'HEARTBEAT_INTERVAL_MS = 2_000'],
  ['src/replies/node-leases.ts', 'LEASE_MS = 12_000'],
  ['src/replies/checkpoint.ts', 'SAVE_INTERVAL_MS = 1_000'],
  ['src/store/engines/retry.ts', 'MAX_PAUSE_MS = 2_000'],
  ['src/coordination/live-bus.ts', 'POLL_INTERVAL_MS = 1_000'],
  ['src/coordination/redis/link.ts', 'MAX_BACKOFF_MS = 2_000'],
  ['src/store/engines/postgres.ts', 'FOREIGN_WRITE_POLL_MS = 250'],
  ['src/store/engines/postgres-pool.ts', 'lock_timeout: 3 * SECOND'],
  ['src/store/engines/postgres-pool.ts', 'connectionTimeoutMillis: 5 * SECOND'],
  ['src/http/websocket.ts', 'PING_INTERVAL_MS = 25_000'],
] as const;

/** The anchor that GitHub generates for a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-');

/** The anchors of a page's headings. Lines in code blocks are not headings. */
const anchorsIn = (path: string) =>
  [
    ...read(path)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = '']) => anchorOf(heading));

it.each(LINKING_PAGES)('%s links only to pages and headings that exist', (page) => {
  for (const [, target = '', anchor] of read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
    const path = target === '' ? page : join(dirname(page), target);
    expect(existsSync(join(ROOT, path)), target).toBe(true);
    if (anchor !== undefined) expect(anchorsIn(path), `${target}#${anchor}`).toContain(anchor);
  }
});

it('docs/README.md links every page of docs, and README.md links docs/README.md', () => {
  const index = read('docs/README.md');
  const pages = DOCS.filter((page) => page !== 'docs/README.md');
  expect(pages.length).toBeGreaterThan(15);
  expect(pages.filter((page) => !index.includes(`](${page.replace('docs/', '')})`))).toEqual([]);
  expect(read('README.md')).toContain('](docs/README.md)');
});

it('README.md has fewer than 200 lines', () => {
  expect(read('README.md').split('\n').length).toBeLessThan(200);
});

it('docs/troubleshooting.md has a row for each error code with its status, and for each reason of a failed reply', () => {
  const page = read('docs/troubleshooting.md');
  const [, errors = ''] = page.split('\n## Error codes\n');
  const [table = '', failures = ''] = errors.split('\n## Failed replies\n');
  const statuses = [...table.matchAll(/^\| (`[^|]+`) \|[^|]+\| (\d{3})(?: \(REST: (\d{3})\))? \|/gm)].flatMap(
    ([, names = '', status, restStatus = status]) =>
      [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, Number(status), Number(restStatus)] as const),
  );
  // The GraphQL library adds two more codes.
  const own = statuses.filter(([name]) => !name.startsWith('GRAPHQL_'));
  const expected = Object.entries(ERRORS).map(([name, error]) => [
    name,
    'graphqlStatus' in error ? error.graphqlStatus : error.status,
    error.status,
  ]);
  expect(own.toSorted()).toEqual(expected.toSorted());
  for (const code of Object.keys(FAILURES))
    expect(failures).toMatch(new RegExp(`^\\| \`${code}\` \\|.+\\|.+\\|$`, 'm'));
});

it('docs/troubleshooting.md quotes messages and log lines that the program writes', () => {
  const program = globSync(['src/**/*.ts', 'bin/*.js', 'node_modules/kysely/dist/migration/migrator.js'], { cwd: ROOT })
    .map(read)
    .join('\n');
  const [, fromStart = ''] = read('docs/troubleshooting.md').split('\n## The start fails\n');
  const [logSections = ''] = fromStart.split('\n## Webhooks\n');
  const quoted = [...logSections.matchAll(/^\| `([^`]+)` \|/gm)]
    .map(([, text = '']) => text)
    .filter((text) => text !== 'msg');
  expect(quoted.length).toBeGreaterThan(30);
  expect(quoted.filter((text) => !program.includes(text))).toEqual([]);
});

it('docs/operations.md names every setting that limits what a client may do', () => {
  const [, table = ''] = read('docs/operations.md').split('\n## Limits\n');
  const [limits = ''] = table.split('\n## ', 1);
  const settings = Object.keys(SETTINGS.shape).filter((name) => /^MAX_|_PER_MINUTE$|_LIMIT$|^KEEP_ALIVE/.test(name));
  expect(settings.length).toBeGreaterThan(9);
  expect(settings.filter((name) => !limits.includes(`\`${name}\``))).toEqual([]);
});

it('SECURITY.md names only tests that exist', () => {
  const named = [...read('SECURITY.md').matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it.each(PAGES)('%s names only source files, scripts and settings that exist', (page) => {
  const text = read(page);
  for (const [, path = ''] of text.matchAll(/`([\w.-]+\/[\w./-]+\.(?:ts|js|graphql|md))`/g)) {
    expect(
      [path, `src/${path}`].some((file) => existsSync(join(ROOT, file))),
      path,
    ).toBe(true);
  }
  for (const [, script = ''] of text.matchAll(/npm run (?:--silent )?([\w:]+)/g)) {
    expect(packageJson.scripts).toHaveProperty(script);
  }
  for (const [, file = ''] of text.matchAll(/docker compose -f (\S+)/g))
    expect(existsSync(join(ROOT, file))).toBe(true);
  const names = [...text.matchAll(/\b[A-Z]{3,}_[A-Z_]*[A-Z]\b(?==| |`)/g)].map(([name]) => name);
  const expectedNames = new Set([...Object.keys(SETTINGS.shape), ...OTHER_NAMES]);
  const schemaText = read('schema/schema.graphql') + read('src/domain/errors.ts');
  expect(names.filter((name) => !expectedNames.has(name) && !schemaText.includes(name))).toEqual([]);
});

it('GraphQL in the docs is valid for the schema, or for that of webhook documents', () => {
  const schemas = ['schema/schema.graphql', 'schema/webhooks.graphql'].map((path) => buildSchema(read(path)));
  const blocks = PAGES.flatMap((page) =>
    [...read(page).matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, block = '']) => block),
  );
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks) {
    const problems = schemas.map((schema) => validate(schema, parse(block)));
    expect(problems, block).toContainEqual([]);
  }
});

it.each(TIMES)('%s still defines a time as docs/scaling.md states it: %s', (file, line) => {
  expect(read(file)).toContain(line);
});

it('docs/operations.md lists the commands that the program lists', async () => {
  const { stdout } = await runProgram({ args: ['--help'] });
  const expectedNames = [...stdout.matchAll(/^ {2}(?!-)(\S.*?)(?: {2,}| --name|$)/gm)].map(([, name]) => name);
  const [, section = ''] = read('docs/operations.md').split('\n## Accounts and keys\n');
  const [commands = ''] = section.split('\n## ', 1);
  const listed = [...commands.matchAll(/^\| `([a-z][^`]*?)(?: --name[^`]*)?` \|/gm)].map(([, name]) => name);
  expect(listed).toEqual(expectedNames);
});
