import { randomUUID } from 'node:crypto';

/** A prefix that nobody else has. */
export const createPrefix = (): string => `test-${randomUUID()}:`;
