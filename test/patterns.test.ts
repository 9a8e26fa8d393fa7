import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'vite';
import { describe, expect, it } from 'vitest';
import { MARKER } from '../src/answer/markers.ts';

interface Finding {
  readonly status: 'safe' | 'vulnerable' | 'unknown';
  readonly complexity?: { readonly summary: string };
  readonly error?: { readonly kind: string };
}

/** The detector, which is CommonJS. */
const { check } = createRequire(import.meta.url)('recheck') as {
  check(source: string, flags: string, options: { timeout: number; randomSeed: number }): Promise<Finding>;
};

/** Patterns that are not linear, or too complex for the detector, and what bounds the text that they are applied to. */
const BOUNDED = new Map([
  [String.raw`/(?:^|[\s"'“‘(*])(?:\p{L}[\p{L}'’-]{2,}|\p{Sc}?\d[\d.,:]*%?)$/u`, 'the last 32 units before a marker'],
  [
    String.raw`/\b((?:api[-_ ]?)?key|token|secret|password|authorization)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi`,
    'the 2,000 units that are read of a text before it is logged',
  ],
]);

/** Files that put patterns together, and what those are. */
const BUILT: Readonly<Record<string, string>> = {
  'src/answer/markers.ts': 'MARKER, which is checked like the others',
  'src/models/redact.ts': 'secrets, escaped, as alternatives, applied to 2,000 units',
};

const root = new URL('..', import.meta.url);
const files = globSync('{src,schema}/**/*.{ts,tsx}', { cwd: fileURLToPath(root) }).sort();
const literals = new Set<string>();
const builders: string[] = [];
const normalizers: string[] = [];
for (const file of files) readPatterns(file);

describe('regular expressions', () => {
  it('match every text in linear time', { timeout: 600_000 }, async () => {
    expect(literals.size).toBeGreaterThan(100);
    const left = [...literals, String(MARKER)].filter((pattern) => !BOUNDED.has(pattern));
    const refused: string[] = [];
    const work = async () => {
      for (let pattern = left.pop(); pattern !== undefined; pattern = left.pop()) {
        const reason = await findWeakness(pattern);
        if (reason !== undefined) refused.push(`${pattern}: ${reason}`);
      }
    };
    await Promise.all([work(), work()]);
    expect(refused).toEqual([]);
  });

  it('are told apart from one that is not linear', async () => {
    expect(await findWeakness(String.raw`/^\W*[\w-]+\W* is /`)).toMatch('polynomial');
  });

  it('are excepted only where they exist', () => {
    expect([...BOUNDED.keys()].filter((pattern) => !literals.has(pattern))).toEqual([]);
  });

  it('are put together only where that is known to be safe', () => {
    expect(builders).toEqual(Object.keys(BUILT));
  });
});

describe('normalization', () => {
  it('happens only behind the cut of runs of combining marks', () => {
    expect(normalizers).toEqual(['src/domain/text.ts']);
  });
});

function readPatterns(file: string): void {
  const code = readFileSync(new URL(file, root), 'utf8');
  if (/\.normalize\(|localeCompare/.test(code)) normalizers.push(file);
  visit(parseAst(code, { lang: file.endsWith('x') ? 'tsx' : 'ts' }), (node) => {
    if (node.regex) literals.add(`/${node.regex.pattern}/${node.regex.flags}`);
    if (node.callee?.name === 'RegExp') builders.push(file);
  });
}

interface Node {
  readonly regex?: { readonly pattern: string; readonly flags: string };
  readonly callee?: { readonly name?: string };
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) see(value);
  for (const child of Object.values(value)) visit(child, see);
}

/** Why a pattern is not known to be linear; undefined when it is. */
async function findWeakness(pattern: string): Promise<string | undefined> {
  if (isShort(pattern)) return undefined;
  const end = pattern.lastIndexOf('/');
  const found = await check(pattern.slice(1, end), pattern.slice(end + 1), { timeout: 60_000, randomSeed: 1 });
  if (found.status === 'safe') return undefined;
  return found.complexity?.summary ?? found.error?.kind ?? found.status;
}

/** Whether nothing in a pattern is repeated without bound, nor anything that repeats: each start costs the same at most. */
function isShort(pattern: string): boolean {
  const bare = pattern.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');
  return !/[*+]|\{\d+,\}|\)\{/.test(bare);
}
