import { type VitestUtils, vi } from 'vitest';

/** How long a test waits for what should come at once: a busy machine takes longer than the second that vitest gives. */
const PATIENCE_MS = 20_000;

const { waitFor } = vi;

/** Waits as vitest does, and longer unless told. */
const waitPatiently: VitestUtils['waitFor'] = (callback, options) =>
  waitFor(callback, typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options });

// Files that share their modules come here but once.
vi.waitFor = waitPatiently;
