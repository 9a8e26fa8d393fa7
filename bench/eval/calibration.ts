import type { Judgement } from './answers.ts';
import type { Figure } from './data-set.ts';
import { meanOf, shareOf } from './figures.ts';

const BANDS = 10;

/**
 * Compares the confidence with the share of answers that are right: for each band of a tenth, and over all bands as the
 * expected calibration error, the mean distance of the two weighted by the number of answers. An answer to an off-topic
 * question is never right. Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
 */
export function measureCalibration(judgements: readonly Judgement[]): Figure[] {
  const bands = Array.from({ length: BANDS }, (_, band) =>
    judgements.filter(({ confidence }) => Math.min(BANDS - 1, Math.floor(confidence * BANDS)) === band),
  );
  const error = meanOf(bands, (band) => BANDS * distanceOf(band) * (band.length / Math.max(1, judgements.length)));
  return [
    ...bands.map(
      (band, index): Figure => ({
        measured: `confidence ${index / BANDS} to ${(index + 1) / BANDS}: answer right`,
        value: band.length > 0 ? shareOf(band, isRight) : undefined,
        unit: '%',
        questions: band.length,
      }),
    ),
    { measured: 'expected calibration error', value: error, unit: 'points', questions: judgements.length },
  ];
}

/** The distance between the mean confidence and the share of right answers, in percentage points. */
function distanceOf(band: readonly Judgement[]): number {
  return Math.abs(100 * meanOf(band, ({ confidence }) => confidence) - shareOf(band, isRight));
}

const isRight = (judgement: Judgement) => judgement.isRight;
