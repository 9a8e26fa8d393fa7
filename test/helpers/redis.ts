import { randomUUID } from 'node:crypto';

/** The Redis that tests share. */
export const TEST_REDIS_URL = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379';

/** A prefix that nobody else has. */
export const createPrefix = (): string => `test-${randomUUID()}:`;
