import { type VitestUtils, vi } from 'vitest';

/** The default timeout of `vi.waitFor`: on a busy machine, vitest's default of one second is too short. */
const PATIENCE_MS = 20_000;

const { waitFor } = vi;

/** Vitest's `waitFor` with a longer default timeout. */
const waitPatiently: VitestUtils['waitFor'] = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options });

// Test files that share their modules run this only once.
vi.waitFor = waitPatiently;
