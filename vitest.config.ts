import { statfs } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { isReachable, TEST_DATABASE_URL, TEST_REDIS_URL } from './test/helpers/servers.ts';
import { slowestFiles } from './test/helpers/slowest-files.ts';

// The files of tests lie in memory where there is room: waiting for a disk would take a third of the time.
const MEMORY = '/dev/shm';
const memory = await statfs(MEMORY).catch(() => undefined);
if (memory !== undefined && memory.bavail * memory.bsize > 4 * 1024 ** 3) process.env.TMPDIR = MEMORY;

const hasScale = (await Promise.all([TEST_DATABASE_URL, TEST_REDIS_URL].map(isReachable))).every(Boolean);
if (!hasScale) process.stderr.write('Skipped: the stack of Postgres and Redis, which are not both there.\n');

/** Rules that no stack can change: they run once. */
const RULES = [
  'test/*.test.ts',
  'test/{domain,outbound}/**/*.test.ts',
  'test/answer/{citation-markers,confidence,follow-ups,model-engine,prompt,sentences}.test.ts',
  'test/coordination/{live-bus,rate-limiter}.test.ts',
  'test/dialects/rest/mappers.test.ts',
  'test/http/query-queue.test.ts',
  'test/models/{failure,models,open,pages,redact,steps,stop-markers}.test.ts',
  'test/schema/{descriptions,field-scopes}.test.ts',
  'test/sources/chunk.test.ts',
  'test/store/engines/{error-codes,gate}.test.ts',
  'test/streams/shared-reads.test.ts',
  'test/web/chat/{build,citation-marks,conversation,events}.test.ts',
  'test/webhooks/{health,retry-schedule,sign}.test.ts',
];

/** The gateway once more, by graphql-js alone and, where there is one, on its other stack: clients see no difference. */
const again = hasScale
  ? { name: 'scale', env: { GRAPHQL_JIT: 'false', TEST_STACK: 'scale' } }
  : { name: 'plain', env: { GRAPHQL_JIT: 'false' } };

export default defineConfig({
  // Two copies of graphql in one process refuse each other's schemas.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    // Tests wait more than they compute: one less than there are cores would be one on a small machine.
    maxWorkers: 3,
    // Loading the modules anew for each file would take a third of the time. No test may leave them changed.
    isolate: false,
    setupFiles: ['test/helpers/patience.ts'],
    globalSetup: ['test/helpers/templates.ts'],
    // The summary comes last.
    reporters: [slowestFiles, 'default'],
    // A guard against what hangs: a busy machine may be slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // Some of them change what is global, or read modules as they are loaded.
      { extends: true, test: { name: 'rules', include: RULES, isolate: true } },
      { extends: true, test: { name: 'compiled', include: ['test/**/*.test.ts'], exclude: RULES } },
      {
        extends: true,
        test: {
          ...again,
          include: ['test/{access,chatbots,conversations,dialects,http,messages,replies,schema,streams}/**/*.test.ts'],
          exclude: [
            ...RULES,
            // They choose their stack, or each engine, themselves.
            'test/chatbots/{delete-under-way,pausing,remove-chatbots}.test.ts',
            'test/messages/{concurrent-requests,idempotent-branches}.test.ts',
            'test/replies/{cluster-nodes,other-node,stop-requests,stopping}.test.ts',
            // What they hold is decided before anything is executed or stored, or by the far end of a wire.
            'test/http/{bad-input,close-codes,cors,slow-sockets}.test.ts',
            'test/replies/model-failures.test.ts',
          ],
        },
      },
    ],
  },
});
