import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync, Visitor } from 'vite';
import { describe, expect, it } from 'vitest';

/**
 * The direction of imports, which CONTRIBUTING.md repeats word for word: each part may import only those to its left. A
 * folder of src/ is a part, and so is each file directly in src/.
 */
const ORDER =
  'domain <- store, coordination <- outbound <- access <- models <- answer <- sources <- operations <- chatbots <- ' +
  'visitors <- conversations <- replies <- messages, streams <- webhooks <- demo <- schema, dialects, web <- http <- first-start, retention <- ' +
  'app, key-options, listen-to-webhooks, push-file <- cli <- main';
/** Parts of the process. They import `domain` and each other; the parts of `ORDER` import only types from them. */
const PROCESS = ['settings', 'config', 'logger', 'metrics', 'secrets', 'failures', 'background'];
/** Entry points that assemble the process, and may import all of its parts. */
const ENTRY_POINTS = ['first-start', 'app', 'cli', 'main'];
/** Clients of the GraphQL schema, and web pages. Of the server's code, they import only the domain. */
const CLIENTS = ['dialects', 'web'];

const LAYERS = ORDER.split(' <- ').map((layer) => layer.split(', '));
const LEVELS = new Map(LAYERS.flatMap((parts, level) => parts.map((part) => [part, level] as const)));
const levelOf = (part: string) => LEVELS.get(part) ?? Number.NaN;

/** One import or re-export in a source file. */
interface Import {
  readonly from: string;
  /** A path relative to the project's root, or the name of a package. */
  readonly to: string;
  readonly isType: boolean;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IMPORT =
  /^(?:import|export)\s+(?<type>type\s)?(?:(?<names>[\w\s{},*]*?)\s*from\s+)?'(?<to>[^']+)'|\bimport\(\s*'(?<lazy>[^']+)'/gm;

const files = globSync(['src/**/*.{ts,tsx}', 'schema/**/*.ts'], { cwd: ROOT }).toSorted();
const sources = new Map(files.map((file) => [file, readFileSync(`${ROOT}/${file}`, 'utf8')]));
const imports = [...sources].flatMap(([file, source]) => importsOf(file, source));
const internalImports = imports.filter(({ to }) => sources.has(to));

function importsOf(from: string, source: string): Import[] {
  return [...source.matchAll(IMPORT)].map(({ groups = {} }) => {
    const specifier = groups.to ?? groups.lazy ?? '';
    const names = groups.names
      ?.replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    return {
      from,
      to: specifier.startsWith('.') ? new URL(specifier, `file:///${from}`).pathname.slice(1) : specifier,
      isType: groups.type !== undefined || Boolean(names?.length && names.every((name) => name.startsWith('type '))),
    };
  });
}

/** `src/streams/cursor.ts` belongs to `streams`, `src/app.ts` to `app`, and everything in `schema/` to `schema`. */
function partOf(file: string): string {
  const [folder = '', part = ''] = file.split('/');
  return folder === 'schema' ? folder : part.replace(/\.ts$/, '');
}

function isAllowed({ from, to, isType }: Import): boolean {
  const [part, other] = [partOf(from), partOf(to)];
  if (part === other) return true;
  if (CLIENTS.includes(part)) return other === 'domain';
  // `deps` imports only types: those of the parts that the program consists of.
  if (part === 'deps') return isType;
  if (other === 'deps') return isType && levelOf(part) >= levelOf('sources');
  if (PROCESS.includes(part)) return other === 'domain' || PROCESS.includes(other);
  if (PROCESS.includes(other)) return ENTRY_POINTS.includes(part) || (isType && levelOf(part) >= levelOf('access'));
  return levelOf(other) < levelOf(part);
}

/** The program for browsers that a file belongs to, which is built separately; undefined for the server. */
const browserAppOf = (file: string) => /^src\/web\/(chat|explorer|reference)\//.exec(file)?.[1];

/** Finds import cycles. */
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

/** All files that a file imports, directly or indirectly. */
function reachedFrom(file: string, reached = new Set<string>()): ReadonlySet<string> {
  for (const { from, to } of internalImports) {
    if (from !== file || reached.has(to)) continue;
    reached.add(to);
    reachedFrom(to, reached);
  }
  return reached;
}

/** The packages that the files of a folder import. Programs for browsers count only if the folder belongs to one. */
const packagesOf = (folder: string) =>
  new Set(
    imports.flatMap(({ from, to }) =>
      from.startsWith(folder) &&
      (browserAppOf(from) === undefined || browserAppOf(folder) !== undefined) &&
      !sources.has(to)
        ? [to]
        : [],
    ),
  );

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

const describeImport = ({ from, to, isType }: Import) => `${from} → ${to}${isType ? ' (type)' : ''}`;
const filesWith = (pattern: RegExp, under = '') =>
  files.filter((file) => file.startsWith(under) && pattern.test(sources.get(file) ?? ''));

describe('the architecture', () => {
  it('assigns every part a position', () => {
    const listed = [...LEVELS.keys(), ...PROCESS, 'deps'];
    expect([...new Set(files.map(partOf))].toSorted()).toEqual(listed.toSorted());
  });

  it('allows imports in one direction only', () => {
    expect(internalImports.length).toBeGreaterThan(100);
    expect(internalImports.filter((edge) => !isAllowed(edge)).map(describeImport)).toEqual([]);
  });

  it('is repeated by CONTRIBUTING.md', () => {
    expect(readFileSync(`${ROOT}/CONTRIBUTING.md`, 'utf8').replace(/\s+/g, ' ')).toContain(ORDER);
  });

  it('separates the programs for browsers from the server and from each other', () => {
    expect(
      internalImports.filter(({ from, to }) => browserAppOf(from) !== browserAppOf(to)).map(describeImport),
    ).toEqual([]);
  });

  it('limits folders to 32 files, except that of the migrations, which only grows', () => {
    const folders = Map.groupBy(
      globSync(['{src,schema,test,bench,clients/typescript/src}/**/*.*'], {
        cwd: ROOT,
        exclude: ['**/dist/**', 'src/store/migrations/**'],
      }),
      dirname,
    );
    expect([...folders].filter(([, inside]) => inside.length > 32).map(([folder]) => folder)).toEqual([]);
  });

  it('has no import cycles, including type imports', () => {
    expect(cyclesOf(internalImports)).toEqual([]);
  });

  it('lets deps.ts import only modules that do not import deps.ts', () => {
    const reachedFromDeps = reachedFrom('src/deps.ts');
    const users = internalImports.filter(({ to }) => to === 'src/deps.ts').map(({ from }) => from);
    expect(reachedFromDeps.size).toBeGreaterThan(20);
    expect(users.filter((file) => reachedFromDeps.has(file))).toEqual([]);
  });

  it('resolves every relative import to a file', () => {
    const unresolved = imports.filter(({ to }) => /^(src|schema)\//.test(to) && !sources.has(to));
    const styles = unresolved.filter(({ to }) => to.endsWith('.css') && existsSync(`${ROOT}/${to}`));
    const data = unresolved.filter(({ to }) => to.endsWith('.json') && existsSync(`${ROOT}/${to}`));
    expect(styles.every(({ from }) => browserAppOf(from) !== undefined)).toBe(true);
    expect(unresolved.filter((edge) => ![...styles, ...data].includes(edge)).map(describeImport)).toEqual([]);
  });

  it('has no barrels and no default exports', () => {
    expect(filesWith(/^export\s+(type\s+)?(\*|\{[^}]*\}\s*from\b)/m)).toEqual([]);
    expect(filesWith(/^export default\b/m)).toEqual([]);
  });

  it('keeps SQL and system modules out of the schema', () => {
    const foreign = imports.filter(({ from, to }) => from.startsWith('schema/') && /^(node:|kysely)/.test(to));
    expect(foreign.map(describeImport)).toEqual([]);
    expect(filesWith(/\bsql`/, 'schema/')).toEqual([]);
  });

  it('imports each database driver in one file, and loads that file only for the engine in use', () => {
    const drivers = imports.filter(({ to }) => to === 'better-sqlite3' || to === 'pg');
    expect(drivers.map(({ from, to }) => `${from} → ${to}`)).toEqual([
      'src/store/engines/postgres-pool.ts → pg',
      'src/store/engines/sqlite-driver.ts → better-sqlite3',
    ]);
    const databaseSource = sources.get('src/store/database.ts') ?? '';
    expect(databaseSource.match(/import\('[^']+'\)/g)).toEqual([
      "import('./engines/sqlite.ts')",
      "import('./engines/postgres.ts')",
    ]);
    const engines = [
      'src/store/engines/sqlite.ts',
      'src/store/engines/postgres.ts',
      'src/store/engines/postgres-pool.ts',
    ];
    const users = internalImports.filter(({ to }) => engines.includes(to)).map(({ from }) => from);
    // A copy between engines needs both drivers; only its command loads these files.
    const copyModules = ['src/store/copy/copy.ts', 'src/store/copy/rows.ts', 'src/store/copy/target.ts'];
    expect([...new Set(users)]).toEqual([...copyModules, 'src/store/database.ts', 'src/store/engines/postgres.ts']);
    expect(sources.get('src/cli.ts')).toContain("await import('./store/copy/copy.ts')");
    const importersOfCopy = internalImports.filter(
      ({ from, to }) => to === 'src/store/copy/copy.ts' && from !== 'src/cli.ts',
    );
    expect(importersOfCopy).toEqual([]);
  });

  it('lets dialects and pages import only the domain and the web framework', () => {
    expect([...packagesOf('src/dialects/')].filter((name) => /sqlite|kysely|yoga|^ws$/.test(name))).toEqual([]);
    const packagesOfPages = [...packagesOf('src/web/')].filter(
      (name) => !/^(node:|@graphql-yoga\/render-graphiql)/.test(name),
    );
    expect(packagesOfPages).toEqual([]);
  });

  it('lets programs for browsers import only what is bundled with them', () => {
    const bundled = /^(preact(\/.+)?|graphql-ws|marked|dompurify)$/;
    const foreign = [...packagesOf('src/web/chat/')].filter((name) => !bundled.test(name) && !name.endsWith('.css'));
    // Only types, which do not exist at run time.
    expect(foreign).toEqual(['@graphql-typed-document-node/core']);
    expect(filesWith(/from '(node:|hono)/, 'src/web/chat/')).toEqual([]);
    expect([...packagesOf('src/web/explorer/')]).toEqual([]);
    expect([...packagesOf('src/web/reference/')].filter((name) => !name.endsWith('.css'))).toEqual([
      '@scalar/api-reference',
    ]);
  });

  it('reads the environment in one file', () => {
    expect(filesWith(/process\.env/)).toEqual(['src/config.ts']);
  });

  it('keeps files under 320 lines', () => {
    const handwritten = files.filter((file) => !file.endsWith('/documents.ts'));
    expect(handwritten.filter((file) => (sources.get(file) ?? '').split('\n').length >= 320)).toEqual([]);
  });

  it('has all test files that vitest.config.ts names', () => {
    const config = readFileSync(`${ROOT}/vitest.config.ts`, 'utf8');
    const named = [...config.matchAll(/'(test\/[^'*]*\.ts)'/g)].flatMap(([, path = '']) => {
      const [, before = path, names = '', after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
      return names.split(',').map((name) => `${before}${name}${after}`);
    });
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((path) => !existsSync(`${ROOT}/${path}`))).toEqual([]);
  });

  it('limits functions to 80 lines', () => {
    const measured = globSync(['{src,schema,bench,scripts,clients/typescript/src}/**/*.{ts,tsx}'], { cwd: ROOT });
    expect(measured).toEqual(expect.arrayContaining(files));
    expect(measured.flatMap((file) => longFunctionsOf(file, readFileSync(`${ROOT}/${file}`, 'utf8')))).toEqual([]);
  });

  it('measures every kind of function', () => {
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
