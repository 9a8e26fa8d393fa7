import { type VitestUtils, vi } from 'vitest';

/** The default timeout of `vi.waitFor`: on a busy machine, vitest's default of one second is too short. */
const DEFAULT_TIMEOUT_MS = 20_000;

const { waitFor } = vi;

/** Vitest's `waitFor` with a longer default timeout. */
const waitForLonger: VitestUtils['waitFor'] = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: DEFAULT_TIMEOUT_MS, ...options });

// The test files of a worker share `vi` and this module, so this line runs once per worker.
vi.waitFor = waitForLonger;
