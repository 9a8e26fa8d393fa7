import { formatTable } from '../table.ts';
import type { Figure, Level } from './data-set.ts';

/** The figures of a data set on one engine, or the reason why there are none. */
export type EngineResult = readonly Figure[] | 'not reachable';

/** The results of a data set by the title of each engine; undefined if its file is missing. */
export interface DataSetResult {
  readonly name: string;
  readonly engines: ReadonlyMap<string, EngineResult> | undefined;
}

/** Formats all results as one Markdown table with a column for each engine. A mark shows whether a level is reached. */
export function formatResults(results: readonly DataSetResult[], engineTitles: readonly string[]): string {
  const head = ['data set', 'measured', 'level', ...engineTitles, 'questions'];
  return formatTable(
    head,
    results.flatMap((result) => listRows(result, engineTitles)),
  );
}

function listRows({ name, engines }: DataSetResult, engineTitles: readonly string[]): string[][] {
  if (engines === undefined) return [[name, '', '', ...engineTitles.map(() => 'no data'), '']];
  const columns = engineTitles.map((title) => engines.get(title) ?? 'not reachable');
  const measured = columns.find((column) => column !== 'not reachable') ?? [];
  return measured.map((figure, row) => [
    name,
    figure.measured,
    formatLevel(figure),
    ...columns.map((column) => (column === 'not reachable' ? column : formatResult(column[row]))),
    figure.questions > 0 ? String(figure.questions) : '',
  ]);
}

function formatLevel({ level, ...figure }: Figure): string {
  if (level === undefined) return '';
  return 'atLeast' in level
    ? `≥ ${formatValue({ ...figure, value: level.atLeast })}`
    : `≤ ${formatValue({ ...figure, value: level.atMost })}`;
}

function formatResult(figure: Figure | undefined): string {
  if (figure?.value === undefined) return 'no data';
  if (figure.level === undefined) return formatValue(figure);
  return `${formatValue(figure)} ${isReached(figure.value, figure.level) ? '✓' : '✗'}`;
}

const DECIMALS = { '%': 1, points: 1, '×': 2, MB: 1 } as const;

function formatValue({ value = Number.NaN, unit }: Figure): string {
  return unit === undefined ? value.toFixed(3) : `${value.toFixed(DECIMALS[unit])} ${unit}`;
}

function isReached(value: number, level: Level): boolean {
  return 'atLeast' in level ? value >= level.atLeast : value <= level.atMost;
}
