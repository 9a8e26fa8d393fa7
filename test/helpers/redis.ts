import { randomUUID } from 'node:crypto';

/** Creates a unique key prefix. */
export const createPrefix = (): string => `test-${randomUUID()}:`;
