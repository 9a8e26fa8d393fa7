import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ModelName } from '../domain/answering.ts';
import { StartupError } from '../domain/errors.ts';
import { BUILTIN, isProvider, PROVIDERS } from '../domain/providers.ts';
import type { TokenUsage } from '../domain/usage.ts';
import { PRICES, type Price } from './price-table.ts';

/** The prices of models. */
export interface Prices {
  /** Returns the price of a usage in billionths of a US dollar, rounded; null when the model's price is unknown. */
  calculatePrice(
    name: ModelName,
    usage: Pick<TokenUsage, 'inputTokens' | 'cachedTokens' | 'outputTokens'>,
  ): number | null;
}

/**
 * Creates the prices from `PRICES` and the operator's file, which takes precedence. The built-in engine costs nothing.
 * A dated snapshot costs as much as its model unless it has its own price.
 * @throws StartupError for a file that cannot be read or is invalid; it lists every problem.
 */
export function createPrices(pricesFile: string | undefined): Prices {
  const prices = new Map(Object.entries({ ...PRICES, ...(pricesFile && readPrices(pricesFile)) }));
  return {
    calculatePrice({ provider, model }, { inputTokens, cachedTokens, outputTokens }) {
      if (provider === BUILTIN) return 0;
      if (model === null) return null;
      const name = `${provider}/${model}`;
      const price = prices.get(name) ?? prices.get(name.replace(SNAPSHOT, ''));
      if (price === undefined) return null;
      const { input, cachedInput = input, output } = price;
      const microdollars =
        Math.max(0, inputTokens - cachedTokens) * input + cachedTokens * cachedInput + outputTokens * output;
      return Math.round(microdollars * 1_000);
    },
  };
}

/** The date at the end of a snapshot's name: `-2025-04-14`, `-20250414` or `-0414`. */
const SNAPSHOT = /-(20\d{2}-\d{2}-\d{2}|20\d{6}|(0[1-9]|1[0-2])[0-3]\d)$/;

const amount = z
  .number('must be US dollars per million tokens')
  .min(0, 'must not be negative')
  .max(1_000_000, 'must be at most 1,000,000');
const modelName = z.string().refine(
  (name) => {
    const [provider = '', ...model] = name.split('/');
    return isProvider(provider) && model.join('/') !== '';
  },
  `must be <provider>/<model>, the provider one of ${PROVIDERS.join(', ')}`,
);
const priceFile = z.record(
  modelName,
  z.strictObject({ input: amount, cachedInput: amount.optional(), output: amount }),
  'must be an object of prices by <provider>/<model>',
);

function readPrices(file: string): Record<string, Price> {
  const parsed = priceFile.safeParse(parseFile(file));
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    // Zod reports the problem of a key one level below.
    const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    return `  ${[...issue.path, message].join(': ')}`;
  });
  throw new StartupError(`The prices in ${file} (MODEL_PRICES_FILE) cannot be used:\n${lines.join('\n')}`);
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new StartupError(`The prices in ${file} (MODEL_PRICES_FILE) cannot be read: ${(error as Error).message}`);
  }
}
