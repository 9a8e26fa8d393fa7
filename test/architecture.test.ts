import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'vite';
import { describe, expect, it } from 'vitest';

/**
 * What each part may import from the others: `code` at run time, `types` as types only. A folder is a part, and so is
 * each file right under src/; `web/chat` and
 * `web/explorer` run in browsers and are parts of their own. Those of `WITH_DEPS` may also know the type of what the
 * program is made of, `src/deps.ts`.
 */
const ALLOWED: Record<string, { readonly code: readonly string[]; readonly types?: readonly string[] }> = {
  domain: { code: [] },
  store: { code: ['domain'] },
  coordination: { code: ['domain'] },
  access: { code: ['domain', 'store'], types: ['coordination'] },
  outbound: { code: [] },
  models: {
    code: ['domain', 'store', 'outbound'],
    types: ['access', 'coordination', 'background', 'config', 'metrics', 'secrets'],
  },
  answer: { code: ['domain', 'store', 'models'] },
  ingest: { code: ['domain', 'store'], types: ['access'] },
  chat: { code: ['domain', 'store', 'models', 'answer'], types: ['access', 'coordination'] },
  webhooks: { code: ['domain', 'store', 'outbound', 'chat'], types: ['access', 'secrets'] },
  schema: { code: ['domain', 'store', 'answer', 'ingest', 'chat', 'access', 'models', 'webhooks'] },
  rest: { code: ['domain'] },
  web: { code: [] },
  'web/chat': { code: [] },
  'web/explorer': { code: [] },
  http: { code: ['domain', 'store', 'access', 'schema', 'rest', 'web', 'demo'], types: ['config', 'webhooks'] },

  background: { code: [] },
  metrics: { code: [] },
  config: { code: ['domain', 'access'] },
  logger: { code: ['domain'] },
  secrets: { code: ['domain'], types: ['config'] },
  deps: {
    code: [],
    types: [
      ...['domain', 'store', 'coordination', 'access', 'models', 'answer', 'chat', 'background', 'metrics', 'config'],
      ...['ingest', 'secrets', 'webhooks'],
    ],
  },
  demo: { code: ['domain', 'store', 'ingest', 'chat'] },
  'first-start': { code: ['domain', 'store', 'access', 'demo'] },
  app: {
    code: [
      ...['domain', 'store', 'coordination', 'access', 'models', 'answer', 'ingest', 'chat', 'webhooks', 'http'],
      ...['background', 'metrics', 'first-start', 'logger', 'secrets'],
    ],
    types: ['config'],
  },
  cli: { code: ['domain', 'store', 'access', 'config', 'listen'] },
  listen: { code: ['domain'] },
  main: { code: ['domain', 'app', 'cli', 'config', 'demo'] },
};
const WITH_DEPS = ['ingest', 'chat', 'webhooks', 'schema', 'http', 'demo', 'first-start', 'app'];

/** One import or re-export, as it is written. */
interface Import {
  readonly from: string;
  /** A path from the root of the project, or the name of a package. */
  readonly to: string;
  readonly isType: boolean;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IMPORT =
  /^(?:import|export)\s+(?<type>type\s)?(?:(?<names>[\w\s{},*]*?)\s*from\s+)?'(?<to>[^']+)'|\bimport\(\s*'(?<lazy>[^']+)'/gm;

const files = globSync(['src/**/*.{ts,tsx}', 'schema/*.ts'], { cwd: ROOT }).toSorted();
const sources = new Map(files.map((file) => [file, readFileSync(`${ROOT}/${file}`, 'utf8')]));
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source));
const inner = imports.filter(({ to }) => sources.has(to));

function importsOf(from: string, source: string): Import[] {
  return [...source.matchAll(IMPORT)].map(({ groups = {} }) => {
    const written = groups.to ?? groups.lazy ?? '';
    const names = groups.names
      ?.replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    return {
      from,
      to: written.startsWith('.') ? new URL(written, `file:///${from}`).pathname.slice(1) : written,
      isType: groups.type !== undefined || Boolean(names?.length && names.every((name) => name.startsWith('type '))),
    };
  });
}

/** `src/chat/cursor.ts` belongs to `chat`, `src/app.ts` to `app`, and everything in `schema/` to `schema`. */
function partOf(file: string): string {
  const [, browser] = /^src\/(web\/(?:chat|explorer))\//.exec(file) ?? [];
  if (browser !== undefined) return browser;
  const [folder = '', part = ''] = file.split('/');
  return folder === 'schema' ? folder : part.replace(/\.ts$/, '');
}

function isAllowed({ from, to, isType }: Import): boolean {
  const [part, other] = [partOf(from), partOf(to)];
  if (part === other) return true;
  if (isType && other === 'deps') return WITH_DEPS.includes(part);
  const { code = [], types = [] } = ALLOWED[part] ?? {};
  return code.includes(other) || (isType && types.includes(other));
}

/** Paths that come back to where they start. */
function cyclesOf(edges: readonly Import[]): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    for (const edge of edges) if (edge.from === file) walk(edge.to, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  return cycles;
}

/** All files that a file imports, directly or through others. */
function reachedFrom(file: string, reached = new Set<string>()): ReadonlySet<string> {
  for (const { from, to } of inner) {
    if (from !== file || reached.has(to)) continue;
    reached.add(to);
    reachedFrom(to, reached);
  }
  return reached;
}

/** What a part imports that is no file of ours. */
const packages = (part: string) =>
  new Set(imports.flatMap(({ from, to }) => (partOf(from) === part && !sources.has(to) ? [to] : [])));

const MAX_FUNCTION_LINES = 80;

/** The functions of a file that are too long, each as the line where it starts and its number of lines. */
function longFunctionsOf(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file} cannot be parsed.`);
  const long: string[] = [];
  const lineOf = (offset: number) => source.slice(0, offset).split('\n').length;
  const measure = ({ start, end }: { start: number; end: number }) => {
    const lines = source.slice(start, end).split('\n').length;
    if (lines > MAX_FUNCTION_LINES) long.push(`${file}:${lineOf(start)} has ${lines} lines`);
  };
  new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
  }).visit(program);
  return long;
}

const show = ({ from, to, isType }: Import) => `${from} → ${to}${isType ? ' (type)' : ''}`;
const filesWith = (pattern: RegExp, under = '') =>
  files.filter((file) => file.startsWith(under) && pattern.test(sources.get(file) ?? ''));

describe('the architecture', () => {
  it('has a row in the table for every part', () => {
    expect([...new Set(files.map(partOf))].toSorted()).toEqual(Object.keys(ALLOWED).toSorted());
  });

  it('lets imports run one way', () => {
    expect(inner.length).toBeGreaterThan(100);
    expect(inner.filter((edge) => !isAllowed(edge)).map(show)).toEqual([]);
  });

  it('has no rows that nobody needs', () => {
    const needed = new Set(inner.map(({ from, to }) => `${partOf(from)} → ${partOf(to)}`));
    const allowed = Object.entries(ALLOWED).flatMap(([part, { code, types = [] }]) =>
      [...code, ...types].map((other) => `${part} → ${other}`),
    );
    expect(allowed.filter((edge) => !needed.has(edge))).toEqual([]);
  });

  it('has no cycles of imports, those of types included', () => {
    expect(cyclesOf(inner)).toEqual([]);
  });

  it('names in deps.ts only what does not need it', () => {
    const named = reachedFrom('src/deps.ts');
    const users = inner.filter(({ to }) => to === 'src/deps.ts').map(({ from }) => from);
    expect(named.size).toBeGreaterThan(20);
    expect(users.filter((file) => named.has(file))).toEqual([]);
    expect(WITH_DEPS.filter((part) => !users.some((file) => partOf(file) === part))).toEqual([]);
  });

  it('resolves every relative import to a file', () => {
    const lost = imports.filter(({ to }) => /^(src|schema)\//.test(to) && !sources.has(to));
    const styles = lost.filter(({ to }) => to.endsWith('.css') && existsSync(`${ROOT}/${to}`));
    expect(styles.every(({ from }) => partOf(from) === 'web/chat')).toBe(true);
    expect(lost.filter((edge) => !styles.includes(edge)).map(show)).toEqual([]);
  });

  it('has no barrels and no default exports', () => {
    expect(filesWith(/^export\s+(type\s+)?(\*|\{[^}]*\}\s*from\b)/m)).toEqual([]);
    expect(filesWith(/^export default\b/m)).toEqual([]);
  });

  it('keeps SQL and the system out of the schema', () => {
    const foreign = imports.filter(({ from, to }) => from.startsWith('schema/') && /^(node:|kysely)/.test(to));
    expect(foreign.map(show)).toEqual([]);
    expect(filesWith(/\bsql`/, 'schema/')).toEqual([]);
  });

  it('loads each database driver in one file, which is loaded only where it is needed', () => {
    const drivers = imports.filter(({ to }) => to === 'better-sqlite3' || to === 'pg');
    expect(drivers.map(({ from, to }) => `${from} → ${to}`)).toEqual([
      'src/store/postgres-pool.ts → pg',
      'src/store/sqlite-driver.ts → better-sqlite3',
    ]);
    const opener = sources.get('src/store/database.ts') ?? '';
    expect(opener.match(/import\('[^']+'\)/g)).toEqual(["import('./sqlite.ts')", "import('./postgres.ts')"]);
    const engines = ['src/store/sqlite.ts', 'src/store/postgres.ts', 'src/store/postgres-pool.ts'];
    const users = inner.filter(({ to }) => engines.includes(to)).map(({ from }) => from);
    // A copy from one to the other needs both, and is loaded by the command that makes one.
    const copying = ['src/store/copy-rows.ts', 'src/store/copy-target.ts', 'src/store/copy.ts'];
    expect([...new Set(users)]).toEqual([...copying, 'src/store/database.ts', 'src/store/postgres.ts']);
    expect(sources.get('src/cli.ts')).toContain("await import('./store/copy.ts')");
    const copiers = inner.filter(({ from, to }) => to === 'src/store/copy.ts' && from !== 'src/cli.ts');
    expect(copiers).toEqual([]);
  });

  it('lets rest and web know nothing but the domain and the web framework', () => {
    expect([...packages('web')].filter((name) => !/^(node:|@graphql-yoga\/render-graphiql)/.test(name))).toEqual([]);
    expect([...packages('rest')].filter((name) => /sqlite|kysely|yoga|^ws$/.test(name))).toEqual([]);
  });

  it('lets what runs in browsers know nothing but what is bundled with it', () => {
    const bundled = /^(preact(\/.+)?|graphql-ws|marked|dompurify)$/;
    const foreign = [...packages('web/chat')].filter((name) => !bundled.test(name) && !name.endsWith('.css'));
    // Only types of it, which are gone when it runs.
    expect(foreign).toEqual(['@graphql-typed-document-node/core']);
    expect(filesWith(/from '(node:|hono)/, 'src/web/chat/')).toEqual([]);
    expect([...packages('web/explorer')]).toEqual([]);
  });

  it('reads the environment in one file', () => {
    expect(filesWith(/process\.env/)).toEqual(['src/config.ts']);
  });

  it('keeps files under 320 lines', () => {
    const written = files.filter((file) => !file.endsWith('/documents.ts'));
    expect(written.filter((file) => (sources.get(file) ?? '').split('\n').length >= 320)).toEqual([]);
  });

  it('keeps functions to 80 lines', () => {
    const measured = globSync(['{src,schema,bench,scripts}/**/*.{ts,tsx}'], { cwd: ROOT });
    expect(measured).toEqual(expect.arrayContaining(files));
    expect(measured.flatMap((file) => longFunctionsOf(file, readFileSync(`${ROOT}/${file}`, 'utf8')))).toEqual([]);
  });

  it('measures functions of every form', () => {
    const body = (lines: number) => `{${'\n'.repeat(lines - 1)}}`;
    const forms = (lines: number) => [
      `const é = '😀';\n\nexport async function f(): Promise<void> ${body(lines)}`,
      `\n\nconst f = <T,>(x: T): T => ${body(lines)};`,
      `\n\nconst o = { async *m() ${body(lines)} };`,
      `\n\nclass C { get x(): number ${body(lines)} }`,
      `\n\nt.field({ resolve: (_, { id }) => <p>{id}${'\n'.repeat(lines - 1)}</p> });`,
    ];
    expect(forms(80).flatMap((source) => longFunctionsOf('f.tsx', source))).toEqual([]);
    expect(forms(81).flatMap((source) => longFunctionsOf('f.tsx', source))).toEqual(
      Array(5).fill('f.tsx:3 has 81 lines'),
    );
  });
});
