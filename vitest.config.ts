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
        // What executes operations, once more by graphql-js alone: compiled or not makes no difference.
        extends: true,
        test: {
          name: 'plain',
          env: { GRAPHQL_JIT: 'false' },
          // Those at random are about the followers, which are the same.
          exclude: ['test/chat/*-random.test.ts'],
          include: [
            'test/{access,chat,rest,schema}/**/*.test.ts',
            'test/http/{executor,graphql-audits,limits,sharing,websocket}.test.ts',
          ],
        },
      },
    ],
  },
});
