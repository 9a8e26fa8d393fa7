import type { LoadGenerator } from './load.ts';

/** The load generator and the parameters that every benchmark uses. */
export interface BenchContext {
  readonly load: LoadGenerator;
  readonly rounds: number;
  /** The duration of the load on one server in one round, in seconds. */
  readonly seconds: number;
  /** Prints the progress. */
  logProgress(text: string): void;
}

/** One measured quantity of the gateway, usually compared with a baseline: a minimal server that does the same work. */
export interface Figure {
  /** The number of the performance goal, such as `G1`; absent if there is no goal. */
  readonly goal?: string;
  /** The name of the measured quantity. */
  readonly quantity: string;
  /** Microseconds of server CPU time or of lag, kilobytes, or a share in percent. */
  readonly unit: 'µs' | 'kB' | '%';
  /** One value per round, for the same rounds as `baseline`; empty if the quantity could not be measured. */
  readonly gateway: readonly number[];
  /** The values of the baseline; absent if there is none. A figure in percent has no ratio to its baseline. */
  readonly baseline?: readonly number[];
  /** The goal, if any: a maximum ratio of gateway to baseline, or a maximum in `unit` if there is no ratio. */
  readonly target?: number;
}

/** A benchmark of `npm run bench`. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly name: string;
  /** @throws when a measured server sends wrong responses or refuses requests; never because it is slow. */
  run(bench: BenchContext): Promise<readonly Figure[]>;
}

/** The median and the range of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Computes the median and the range of the values of a figure's rounds. There must be at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** Computes the ratio of gateway to baseline in each round, because the load of the machine varies between rounds. */
export function ratiosOf(gateway: readonly number[], baseline: readonly number[]): number[] {
  return gateway.map((cost, round) => cost / (baseline[round] ?? Number.NaN));
}
