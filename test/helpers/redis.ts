import { randomUUID } from 'node:crypto';

/** Creates a unique key prefix. */
export const createRedisPrefix = (): string => `test-${randomUUID()}:`;
