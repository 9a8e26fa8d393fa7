import type { LoadGenerator } from './load.ts';

/** The load generator and the parameters of every benchmark. */
export interface Bench {
  readonly load: LoadGenerator;
  readonly rounds: number;
  /** The duration of the load on one server in one round, in seconds. */
  readonly seconds: number;
  /** Prints the progress. */
  note(text: string): void;
}

/** One measured quantity of the gateway, usually compared with its floor: a minimal server that does the same work. */
export interface Figure {
  /** The number of the performance goal, such as `G1`; absent if there is no goal. */
  readonly goal?: string;
  /** The name of the measured quantity. */
  readonly what: string;
  /** Microseconds of server CPU time or of lag, kilobytes, or a share in percent. */
  readonly unit: 'µs' | 'kB' | '%';
  /** One value per round, for the same rounds as `floor`; empty if it could not be measured. */
  readonly gateway: readonly number[];
  /** The values of the floor; absent if there is none. No ratio is computed for shares. */
  readonly floor?: readonly number[];
  /** The goal, if any: a maximum ratio of gateway to floor, or a maximum in `unit` if there is no ratio. */
  readonly target?: number;
}

/** A benchmark of `npm run bench`. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly name: string;
  /** @throws when a measured server does not work: for wrong responses and refusals, never for being slow. */
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** The median and the range of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Computes the median and the range of the values of a figure's rounds, of which there must be at least one. */
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

/** The ratio of gateway to floor in each round: both were measured under the same conditions of the machine. */
export function ratiosOf(gateway: readonly number[], floor: readonly number[]): number[] {
  return gateway.map((cost, round) => cost / (floor[round] ?? Number.NaN));
}
