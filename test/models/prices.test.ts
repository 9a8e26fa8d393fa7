import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StartupError } from '../../src/domain/errors.ts';
import { PROVIDERS } from '../../src/domain/providers.ts';
import { PRICES } from '../../src/models/price-table.ts';
import { createPrices } from '../../src/models/prices.ts';
import { createDataDir, runProgram } from '../helpers/process.ts';

const USAGE = { inputTokens: 1_000, cachedTokens: 400, outputTokens: 10 };

async function writePrices(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chatgraph-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'prices.json');
  await writeFile(file, text);
  return file;
}

const priceOf = (name: string, file?: string) => {
  const [provider = '', ...model] = name.split('/');
  return createPrices(file).calculatePrice({ provider, model: model.join('/') }, USAGE);
};

describe('a price', () => {
  it('is the sum for uncached, cached and output tokens, in billionths of a dollar', () => {
    // $2, $0.50 and $8 per million tokens.
    expect(priceOf('openai/gpt-4.1')).toBe(600 * 2_000 + 400 * 500 + 10 * 8_000);
  });

  it('of cached tokens is the input price if the model has no cached price', () => {
    expect(priceOf('openai/gpt-5.4-pro')).toBe(1_000 * 30_000 + 10 * 180_000);
  });

  it('is zero for the built-in engine, and null for a model that is not in the table', () => {
    const prices = createPrices(undefined);
    expect(prices.calculatePrice({ provider: 'builtin', model: null }, USAGE)).toBe(0);
    for (const name of [
      { provider: 'openai', model: null },
      { provider: 'openai', model: 'gpt-4.1-large' },
      { provider: 'openai', model: 'claude-opus-5' },
      { provider: 'open', model: 'gpt-4.1' },
      { provider: 'constructor', model: 'name' },
    ]) {
      expect(prices.calculatePrice(name, USAGE)).toBeNull();
    }
  });

  it.each(['openai/gpt-4.1-2025-04-14', 'openai/gpt-4.1-20250414', 'openai/gpt-4.1-0414'])(
    'of the dated snapshot %s is the price of its model',
    (name) => {
      expect(priceOf(name)).toBe(priceOf('openai/gpt-4.1'));
    },
  );

  it.each(['openai/gpt-4.1-1', 'openai/gpt-4.1-preview', 'openai/gpt-4.1-2025', 'openai/gpt-4.1-0414-x'])(
    'of %s is null, because its name does not end with a date',
    (name) => {
      expect(priceOf(name)).toBeNull();
    },
  );

  it('of a snapshot in the table is its own', () => {
    expect(priceOf('openai/gpt-4o-2024-05-13')).toBe(1_000 * 5_000 + 10 * 15_000);
  });

  it('is never negative, even if a provider reports inconsistent usage', () => {
    const usage = { inputTokens: 1, cachedTokens: 2, outputTokens: 0 };
    expect(createPrices(undefined).calculatePrice({ provider: 'openai', model: 'gpt-4.1' }, usage)).toBe(2 * 500);
  });
});

describe('the price table', () => {
  it('has models of every provider, with no price of zero and no cached price above the input price', () => {
    const providers = new Set(Object.keys(PRICES).map((name) => name.split('/')[0]));
    expect([...providers].sort()).toEqual(PROVIDERS.filter((provider) => provider !== 'open').sort());
    for (const [name, { input, cachedInput = input, output }] of Object.entries(PRICES)) {
      expect([name, cachedInput > 0 && cachedInput <= input, output >= input]).toEqual([name, true, true]);
    }
  });

  it("cites the page and the date of every provider's prices", () => {
    const source = readFileSync(new URL('../../src/models/price-table.ts', import.meta.url), 'utf8');
    expect(source.match(/^ {2}\/\/ https:\/\/\S+, .*\b20\d\d/gm)).toHaveLength(PROVIDERS.length - 1);
  });
});

describe('a price file', () => {
  it('overrides prices of the table, including those of snapshots, and adds models', async () => {
    const file = await writePrices('{"openai/gpt-4.1":{"input":1,"output":0},"open/org/model":{"input":3,"output":4}}');
    expect(priceOf('openai/gpt-4.1', file)).toBe(1_000_000);
    expect(priceOf('openai/gpt-4.1-2025-04-14', file)).toBe(1_000_000);
    expect(priceOf('open/org/model', file)).toBe(3_040_000);
    expect(priceOf('openai/gpt-4o', file)).toBe(priceOf('openai/gpt-4o'));
  });

  it('with several problems prevents the start with an error that lists all of them', async () => {
    const file = await writePrices(
      `{"openai/gpt-5": {"input": "1", "ouput": 2}, "nobody/x": {"input": -1, "output": 1}, "open/": {"input": 1, "output": 1e9}}`,
    );
    expect(() => createPrices(file)).toThrow(StartupError);
    const nameProblem = 'must be <provider>/<model>, the provider one of openai, anthropic, google';
    for (const problem of [
      'MODEL_PRICES_FILE',
      'openai/gpt-5: input: must be US dollars per million tokens',
      'openai/gpt-5: output: must be US dollars per million tokens',
      'openai/gpt-5: Unrecognized key: "ouput"',
      `nobody/x: ${nameProblem}`,
      `open/: ${nameProblem}`,
    ]) {
      expect(() => createPrices(file)).toThrow(problem);
    }
  });

  it.each(['{"openai/a":{"input":-1,"output":1}}', '{"openai/a":{"input":1,"output":1e9}}', '[]', 'null', '{', ''])(
    'that contains %s prevents the start',
    async (text) => {
      const file = await writePrices(text);
      expect(() => createPrices(file)).toThrow(StartupError);
    },
  );

  it('that is invalid ends the process before it creates any file', async () => {
    const file = await writePrices('{"nobody/x":{"input":1,"output":1}}');
    const dataDir = await createDataDir();
    const { code, stderr } = await runProgram({ env: { MODEL_PRICES_FILE: file, DATA_DIR: dataDir, PORT: '0' } });
    expect(code).toBe(1);
    expect(stderr).toContain('nobody/x: must be <provider>/<model>');
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('that is missing prevents the start with an error that contains its path', () => {
    expect(() => createPrices('/nowhere/prices.json')).toThrow(/\/nowhere\/prices\.json .*cannot be read: ENOENT/);
    expect(() => createPrices('/nowhere/prices.json')).toThrow(StartupError);
  });
});
