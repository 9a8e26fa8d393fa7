import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StorageUnavailableError } from '../src/domain/errors.ts';
import { createFailureLog } from '../src/failures.ts';
import { createLogger } from '../src/logger.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function createLog() {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) });
  const storage = { isReady: false };
  const failures = createFailureLog(logger, async () => storage.isReady);
  const refuse = () =>
    failures.log(new StorageUnavailableError({ cause: new Error('disk full') }), { requestId: 'r1' });
  return {
    failures,
    storage,
    refuse,
    linesOf: () => lines.map(({ level, msg, refusalCount, seconds }) => ({ level, msg, refusalCount, seconds })),
  };
}

const WARNING = { level: 40, msg: 'the storage is unavailable; refusing what needs it' };
const END = { level: 30, msg: 'the storage is available again' };

it('logs one warning per outage, and the number of refusals when the storage works again', async () => {
  const { storage, refuse, linesOf } = createLog();
  for (let n = 0; n < 100; n++) refuse();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(linesOf()).toEqual([WARNING]);
  refuse();
  storage.isReady = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(linesOf()).toEqual([WARNING, { ...END, refusalCount: 101, seconds: expect.closeTo(66, -1) }]);
  refuse();
  expect(linesOf()).toHaveLength(3);
});

it('counts refusals a few seconds apart to the same outage, even if the storage seems to work', async () => {
  const { storage, refuse, linesOf } = createLog();
  storage.isReady = true;
  for (let n = 0; n < 5; n++) {
    refuse();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(linesOf()).toEqual([WARNING]);
});

it('logs the number of refusals when the gateway stops during an outage', () => {
  const { failures, refuse, linesOf } = createLog();
  refuse();
  refuse();
  failures.close();
  failures.close();
  expect(linesOf()).toEqual([
    WARNING,
    { level: 30, msg: 'stopping while the storage is unavailable', refusalCount: 2, seconds: 0 },
  ]);
});

it('logs every other error with its stack', () => {
  const { failures, linesOf } = createLog();
  failures.log(new Error('a bug'));
  failures.log(new Error('a bug'), {}, 'background task failed');
  expect(linesOf().map(({ level, msg }) => [level, msg])).toEqual([
    [50, 'unexpected error'],
    [50, 'background task failed'],
  ]);
});
