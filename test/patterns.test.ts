import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';

interface CheckResult {
  readonly status: 'safe' | 'vulnerable' | 'unknown';
  readonly complexity?: { readonly summary: string };
  readonly error?: { readonly kind: string };
}

/** The detector of non-linear patterns, a CommonJS package. */
const { check } = createRequire(import.meta.url)('recheck') as {
  check(source: string, flags: string, options: { timeout: number; randomSeed: number }): Promise<CheckResult>;
};

/** Patterns that are not linear, or not provably linear for the detector, with the limit of the text they match. */
const EXCEPTIONS = new Map([
  [
    String.raw`/\b((?:api[-_ ]?)?key|token|secret|password|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi`,
    'the 2,000 UTF-16 units that are read of a text before it is logged',
  ],
]);

/** Files whose functions compose patterns, with a description of the patterns. */
const ALLOWED_RUNTIME_COMPOSERS: Readonly<Record<string, string>> = {
  'src/models/redact.ts': 'secrets, escaped, as alternatives, applied to 2,000 UTF-16 units',
};

const root = new URL('..', import.meta.url);
const files = globSync('{src,schema}/**/*.{ts,tsx}', { cwd: fileURLToPath(root) }).sort();
const literals = new Set<string>();
/** Files that compose patterns in functions. */
const runtimeComposers: string[] = [];
/** Files that compose patterns when they are loaded. */
const loadTimeComposers: string[] = [];
/** Files that normalize Unicode texts. */
const normalizers: string[] = [];
for (const file of files) readPatterns(file);

describe('regular expressions', () => {
  it('match every text in linear time', { timeout: 600_000 }, async () => {
    expect(literals.size).toBeGreaterThan(100);
    const unchecked = [...literals, ...(await loadComposedPatterns())].filter((pattern) => !EXCEPTIONS.has(pattern));
    const findings: string[] = [];
    const checkPatterns = async () => {
      for (let pattern = unchecked.pop(); pattern !== undefined; pattern = unchecked.pop()) {
        const reason = await findWeakness(pattern);
        if (reason !== undefined) findings.push(`${pattern}: ${reason}`);
      }
    };
    await Promise.all([checkPatterns(), checkPatterns()]);
    expect(findings).toEqual([]);
  });

  it('are detected when they are not linear', async () => {
    expect(await findWeakness(String.raw`/^\W*[\w-]+\W* is /`)).toMatch('polynomial');
  });

  it('have exceptions only for existing patterns', () => {
    expect([...EXCEPTIONS.keys()].filter((pattern) => !literals.has(pattern))).toEqual([]);
  });

  it('are composed only in files listed here', () => {
    expect(runtimeComposers).toEqual(Object.keys(ALLOWED_RUNTIME_COMPOSERS));
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
    if (node.callee?.name === 'RegExp') (isInFunction ? runtimeComposers : loadTimeComposers).push(file);
  });
}

interface Node {
  readonly type?: string;
  readonly regex?: { readonly pattern: string; readonly flags: string };
  readonly callee?: { readonly name?: string };
}

function visit(value: unknown, onNode: (node: Node, isInFunction: boolean) => void, isInFunction = false): void {
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  if (!Array.isArray(value)) onNode(node, isInFunction);
  const isFunction = /Function/.test(node.type ?? '');
  for (const child of Object.values(value)) visit(child, onNode, isInFunction || isFunction);
}

/** Loads the files that compose patterns, and returns these patterns. */
async function loadComposedPatterns(): Promise<Set<string>> {
  const patternsByFile = new Map<string, string[]>(loadTimeComposers.map((file) => [file, []]));
  const { RegExp: OriginalRegExp } = globalThis;
  globalThis.RegExp = new Proxy(OriginalRegExp, {
    construct(target, args: [string, string?]) {
      const pattern = new target(...args);
      const caller = new Error().stack?.split('\n')[2] ?? '';
      for (const [file, patterns] of patternsByFile) if (caller.includes(file)) patterns.push(String(pattern));
      return pattern;
    },
  });
  try {
    for (const file of patternsByFile.keys()) await import(new URL(file, root).href);
  } finally {
    globalThis.RegExp = OriginalRegExp;
  }
  for (const [file, patterns] of patternsByFile) expect(patterns, file).not.toEqual([]);
  return new Set([...patternsByFile.values()].flat());
}

/**
 * Returns why a pattern is not proven to be linear; undefined if it is proven. The detector also measures times, which
 * other processes on a busy machine distort: a weakness is one that it finds three times.
 */
async function findWeakness(pattern: string): Promise<string | undefined> {
  if (hasBoundedCost(pattern)) return undefined;
  const end = pattern.lastIndexOf('/');
  let weakness: string | undefined;
  for (let attempt = 0; attempt < 3; attempt++) {
    const result = await check(pattern.slice(1, end), pattern.slice(end + 1), { timeout: 60_000, randomSeed: 1 });
    if (result.status === 'safe') return undefined;
    weakness = result.complexity?.summary ?? result.error?.kind ?? result.status;
  }
  return weakness;
}

/** Whether a pattern has no unbounded and no nested repetition, so that a match at one position has a bounded cost. */
function hasBoundedCost(pattern: string): boolean {
  const bare = pattern.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');
  return !/[*+]|\{\d+,\}|\)\{/.test(bare);
}
