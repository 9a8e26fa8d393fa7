import type { Reporter } from 'vitest/node';

const MAX_LISTED = 10;

/** A reporter that lists the ten slowest test files at the end of a run. */
export const slowestFiles: Reporter = {
  onTestRunEnd(modules) {
    if (modules.length <= MAX_LISTED) return;
    const timed = modules.map((module) => ({ module, ms: module.diagnostic().duration }));
    const slowest = timed.toSorted((a, b) => b.ms - a.ms).slice(0, MAX_LISTED);
    const lines = slowest.map(({ module: { project, relativeModuleId }, ms }) => {
      return `${(ms / 1_000).toFixed(1).padStart(7)} s  ${project.name}  ${relativeModuleId}`;
    });
    process.stdout.write(`\n The slowest files\n${lines.join('\n')}\n`);
  },
};
