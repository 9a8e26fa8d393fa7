import type { LoadGenerator } from './load.ts';

/** What every benchmark is given. */
export interface Bench {
  readonly load: LoadGenerator;
  readonly rounds: number;
  /** How long one server is loaded in one round. */
  readonly seconds: number;
  /** Says how far it is, for who waits. */
  note(text: string): void;
}

/** One measured thing: what it costs, as a rule beside its floor. */
export interface Figure {
  /** Its number among the goals, such as `G1`; absent where nothing is aimed at. */
  readonly goal?: string;
  /** What is measured: what `gateway` and `floor` tell of. */
  readonly what: string;
  /** Server CPU time or lag in microseconds, kilobytes, or a share. */
  readonly unit: 'µs' | 'kB' | '%';
  /** One number a round, the same rounds in both; none where it could not be measured. */
  readonly gateway: readonly number[];
  /** Absent where there is none; of shares no ratio is told. */
  readonly floor?: readonly number[];
  /** What is aimed at, if anything: the ratio of gateway to floor, or units where no ratio is told. */
  readonly target?: number;
}

/** Something that `npm run bench` measures. */
export interface Benchmark {
  /** What it is picked by on the command line. */
  readonly name: string;
  /** @throws when what is measured does not do its work: wrong answers, refusals. Never for being slow. */
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** A middle and how far the rest lies around it. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Sums up the rounds of one figure. There must be at least one. */
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

/** What the gateway costs relative to the floor, round by round: both halves of a round met the same weather. */
export function ratiosOf(gateway: readonly number[], floor: readonly number[]): number[] {
  return gateway.map((cost, round) => cost / (floor[round] ?? Number.NaN));
}
