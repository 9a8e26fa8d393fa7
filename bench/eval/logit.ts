/**
 * Choices of one item out of several, for `fitChoices`. Each item has its features, all in the same order; `isRight` says
 * for each item whether it is one of the right ones.
 */
export interface Choice {
  readonly items: readonly (readonly number[])[];
  readonly isRight: readonly boolean[];
  readonly weight: number;
}

/** Keeps weights finite, and hardly changes weights that the data determine. */
const PENALTY = 1e-3;
const MAX_STEPS = 30;

/**
 * Fits the weights of a linear order: a conditional logit, in which the chance of an item grows with the exponential of
 * its weighted sum. Choices without a right item are left out. Newton's method, so the result is the same in each run.
 */
export function fitChoices(choices: readonly Choice[], length: number): number[] {
  const usable = choices.filter(({ isRight }) => isRight.includes(true) && isRight.includes(false));
  const total = usable.reduce((sum, { weight }) => sum + weight, 0);
  return minimize(length, (weights, add) => {
    for (const { items, isRight, weight } of usable) {
      const chances = items.map((item) => Math.exp(dot(weights, item)));
      const sum = chances.reduce((a, b) => a + b, 0);
      const rightSum = chances.reduce((a, b, index) => a + (isRight[index] ? b : 0), 0);
      const mean = weights.map((_, k) => items.reduce((s, item, i) => s + (item[k] ?? 0) * (chances[i] ?? 0), 0) / sum);
      for (const [index, item] of items.entries()) {
        const chance = (chances[index] ?? 0) / sum;
        const rightChance = isRight[index] ? (chances[index] ?? 0) / rightSum : 0;
        const share = weight / total;
        add(item, share * (chance - rightChance), 0);
        add(
          item.map((value, k) => value - (mean[k] ?? 0)),
          0,
          share * chance,
        );
      }
    }
  });
}

/** An observation for `fitLogistic`: its features, and what happened. */
export interface Observation {
  readonly features: readonly number[];
  readonly isTrue: boolean;
  readonly weight: number;
}

/** Fits a logistic regression. The intercept is the weight of a feature that is always 1, which the caller adds. */
export function fitLogistic(observations: readonly Observation[], length: number): number[] {
  const total = observations.reduce((sum, { weight }) => sum + weight, 0);
  return minimize(length, (weights, add) => {
    for (const { features, isTrue, weight } of observations) {
      const chance = 1 / (1 + Math.exp(-dot(weights, features)));
      add(features, (weight / total) * (chance - +isTrue), (weight / total) * chance * (1 - chance));
    }
  });
}

/** The sum of the products of two lists of equal length. */
export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** Adds `slope × direction` to the gradient and `curvature × direction × directionᵀ` to the Hessian. */
type Add = (direction: readonly number[], slope: number, curvature: number) => void;

function minimize(length: number, derive: (weights: readonly number[], add: Add) => void): number[] {
  let weights = Array.from({ length }, () => 0);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const gradient = weights.map((weight) => PENALTY * weight);
    const hessian: number[][] = weights.map((_, row) => weights.map((_, column) => (row === column ? PENALTY : 0)));
    derive(weights, (direction, slope, curvature) => {
      for (let row = 0; row < length; row += 1) {
        const value = direction[row] ?? 0;
        gradient[row] = (gradient[row] ?? 0) + slope * value;
        const line = hessian[row] ?? [];
        if (curvature > 0)
          for (let k = 0; k < length; k += 1) line[k] = (line[k] ?? 0) + curvature * value * (direction[k] ?? 0);
      }
    });
    const change = solve(hessian, gradient);
    // Shorter steps keep the first ones, which are far from the minimum, from going too far.
    const factor = Math.min(1, 4 / Math.max(...change.map(Math.abs)));
    weights = weights.map((weight, index) => weight - factor * (change[index] ?? 0));
    if (Math.max(...change.map(Math.abs)) < 1e-6) break;
  }
  return weights;
}

/** Solves a system of linear equations by elimination. */
function solve(matrix: readonly (readonly number[])[], vector: readonly number[]): number[] {
  const rows = matrix.map((row, index) => [...row, vector[index] ?? 0]);
  for (let pivot = 0; pivot < rows.length; pivot += 1) {
    const pivotRow = rows[pivot] ?? [];
    for (const [index, row] of rows.entries()) {
      const factor = index === pivot ? 0 : (row[pivot] ?? 0) / (pivotRow[pivot] ?? 1);
      if (factor !== 0)
        for (let k = pivot; k < row.length; k += 1) row[k] = (row[k] ?? 0) - factor * (pivotRow[k] ?? 0);
    }
  }
  return rows.map((row, index) => (row.at(-1) ?? 0) / (row[index] ?? 1));
}
