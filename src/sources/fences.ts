const FENCE = /^\s*(`{3,}|~{3,})/;

/** Maps the index of each line that opens a fence to the index of the line that closes the fence. */
export function matchFences(lines: readonly string[]): Map<number, number> {
  const pairs = new Map<number, number>();
  let openFence: { index: number; mark: string } | undefined;
  for (const [index, line] of lines.entries()) {
    const mark = line === '' ? undefined : FENCE.exec(line)?.[1];
    if (mark === undefined) continue;
    if (openFence === undefined) {
      // Backticks after the mark make it inline code.
      if (!mark.startsWith('`') || !line.trim().slice(mark.length).includes('`')) openFence = { index, mark };
    } else if (mark.startsWith(openFence.mark) && line.trim() === mark) {
      pairs.set(openFence.index, index);
      openFence = undefined;
    }
  }
  return pairs;
}
