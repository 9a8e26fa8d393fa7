import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Two copies of graphql in one process refuse each other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    // Tests wait more than they compute; one less than there are cores would be one on a small machine.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: 'compiled', include: ['test/**/*.test.ts'] } },
      {
        // The gateway on its other stack, Postgres and Redis, and by graphql-js alone: neither makes a difference.
        extends: true,
        test: {
          name: 'scale',
          env: { TEST_STACK: 'scale', GRAPHQL_JIT: 'false' },
          include: ['test/{access,chat,http,rest,schema}/**/*.test.ts'],
          // They choose their stack themselves.
          exclude: ['test/chat/{at-once,elsewhere,nodes}.test.ts'],
        },
      },
    ],
  },
});
