import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';

interface Finding {
  readonly status: 'safe' | 'vulnerable' | 'unknown';
  readonly complexity?: { readonly summary: string };
  readonly error?: { readonly kind: string };
}

/** The detector of non-linear patterns, a CommonJS package. */
const { check } = createRequire(import.meta.url)('recheck') as {
  check(source: string, flags: string, options: { timeout: number; randomSeed: number }): Promise<Finding>;
};

/** Patterns that are not linear, or too complex for the detector, with the limit of the text they are applied to. */
const BOUNDED = new Map([
  [String.raw`/(?:^|[\s"'“‘(*])(?:\p{L}[\p{L}'’-]{2,}|\p{Sc}?\d[\d.,:]*%?)$/u`, 'the last 32 units before a marker'],
  [
    String.raw`/\b((?:api[-_ ]?)?key|token|secret|password|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi`,
    'the 2,000 units that are read of a text before it is logged',
  ],
]);

/** Files whose functions compose patterns, with these patterns. */
const BUILT: Readonly<Record<string, string>> = {
  'src/models/redact.ts': 'secrets, escaped, as alternatives, applied to 2,000 units',
};

const root = new URL('..', import.meta.url);
const files = globSync('{src,schema}/**/*.{ts,tsx}', { cwd: fileURLToPath(root) }).sort();
const literals = new Set<string>();
/** Files that compose patterns, in functions or when they are loaded. */
const builders: string[] = [];
const composers: string[] = [];
const normalizers: string[] = [];
for (const file of files) readPatterns(file);

describe('regular expressions', () => {
  it('match every text in linear time', { timeout: 600_000 }, async () => {
    expect(literals.size).toBeGreaterThan(100);
    const unproven = [...literals, ...(await compose())].filter((pattern) => !BOUNDED.has(pattern));
    const refused: string[] = [];
    const work = async () => {
      for (let pattern = unproven.pop(); pattern !== undefined; pattern = unproven.pop()) {
        const reason = await findWeakness(pattern);
        if (reason !== undefined) refused.push(`${pattern}: ${reason}`);
      }
    };
    await Promise.all([work(), work()]);
    expect(refused).toEqual([]);
  });

  it('are recognized when they are not linear', async () => {
    expect(await findWeakness(String.raw`/^\W*[\w-]+\W* is /`)).toMatch('polynomial');
  });

  it('have exceptions only for existing patterns', () => {
    expect([...BOUNDED.keys()].filter((pattern) => !literals.has(pattern))).toEqual([]);
  });

  it('are composed only in files listed here', () => {
    expect(builders).toEqual(Object.keys(BUILT));
  });
});

describe('normalization', () => {
  it('runs only after long runs of combining marks are cut', () => {
    expect(normalizers).toEqual(['src/domain/text.ts']);
  });
});

function readPatterns(file: string): void {
  const code = readFileSync(new URL(file, root), 'utf8');
  if (/\.normalize\(|localeCompare/.test(code)) normalizers.push(file);
  visit(parseAst(code, { lang: file.endsWith('x') ? 'tsx' : 'ts' }), (node, isInFunction) => {
    if (node.regex) literals.add(`/${node.regex.pattern}/${node.regex.flags}`);
    if (node.callee?.name === 'RegExp') (isInFunction ? builders : composers).push(file);
  });
}

interface Node {
  readonly type?: string;
  readonly regex?: { readonly pattern: string; readonly flags: string };
  readonly callee?: { readonly name?: string };
}

function visit(value: unknown, see: (node: Node, isInFunction: boolean) => void, isInFunction = false): void {
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  if (!Array.isArray(value)) see(node, isInFunction);
  const isFunction = /Function/.test(node.type ?? '');
  for (const child of Object.values(value)) visit(child, see, isInFunction || isFunction);
}

/** The patterns that files compose when they are loaded. */
async function compose(): Promise<Set<string>> {
  const composed = new Map<string, string[]>(composers.map((file) => [file, []]));
  const { RegExp: Plain } = globalThis;
  globalThis.RegExp = new Proxy(Plain, {
    construct(target, given: [string, string?]) {
      const pattern = new target(...given);
      const caller = new Error().stack?.split('\n')[2] ?? '';
      for (const [file, patterns] of composed) if (caller.includes(file)) patterns.push(String(pattern));
      return pattern;
    },
  });
  try {
    for (const file of composed.keys()) await import(new URL(file, root).href);
  } finally {
    globalThis.RegExp = Plain;
  }
  for (const [file, patterns] of composed) expect(patterns, file).not.toEqual([]);
  return new Set([...composed.values()].flat());
}

/** Returns why a pattern is not known to be linear; undefined if it is. */
async function findWeakness(pattern: string): Promise<string | undefined> {
  if (isShort(pattern)) return undefined;
  const end = pattern.lastIndexOf('/');
  const result = await check(pattern.slice(1, end), pattern.slice(end + 1), { timeout: 60_000, randomSeed: 1 });
  if (result.status === 'safe') return undefined;
  return result.complexity?.summary ?? result.error?.kind ?? result.status;
}

/** Whether a pattern has no unbounded and no nested repetition, so that the cost of each start is bounded. */
function isShort(pattern: string): boolean {
  const bare = pattern.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');
  return !/[*+]|\{\d+,\}|\)\{/.test(bare);
}
