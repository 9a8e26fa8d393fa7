import { statfs } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { isReachable, TEST_DATABASE_URL, TEST_REDIS_URL } from './test/helpers/servers.ts';
import { slowestFiles } from './test/setup/slowest-files.ts';

// Tests write their temporary files to memory if there is room. On a disk, a third of the time would be spent waiting.
const MEMORY_DIR = '/dev/shm';
const memoryFileSystem = await statfs(MEMORY_DIR).catch(() => undefined);
if (memoryFileSystem !== undefined && memoryFileSystem.bavail * memoryFileSystem.bsize > 4 * 1024 ** 3) {
  process.env.TMPDIR = MEMORY_DIR;
}

const hasScaleStack = (await Promise.all([TEST_DATABASE_URL, TEST_REDIS_URL].map(isReachable))).every(Boolean);
if (!hasScaleStack) {
  process.stderr.write('Skipped: the tests on Postgres and Redis, because at least one of them is not reachable.\n');
}

/** The tests that depend neither on the storage nor on the GraphQL executor, so that one run is enough. */
const STACK_INDEPENDENT_TESTS = [
  'test/*.test.ts',
  'test/{domain,outbound}/**/*.test.ts',
  'test/answer/{citation-markers,confidence,follow-ups,markdown-blocks,model-engine,prompt,question-form,render-quote,sentences}.test.ts',
  'test/clients/typescript/package.test.ts',
  'test/coordination/{live-bus,rate-limiter}.test.ts',
  'test/dialects/rest/mappers.test.ts',
  'test/http/{bodies/receive-time,graphiql/tabs,query-queue,send-results}.test.ts',
  'test/models/{chat-fetch,failure,models,open,pages,redact,steps,stop-markers}.test.ts',
  'test/schema/{consistency,descriptions,field-scopes}.test.ts',
  'test/schema/root-fields/table.test.ts',
  'test/sources/{chunk,clean-text,read-source}.test.ts',
  'test/sources/{kinds,markdown}/**/*.test.ts',
  'test/store/engines/{concurrency-limiter,error-codes}.test.ts',
  'test/streams/shared-reads.test.ts',
  'test/web/chat/{build,citation-marks,conversation,events,follow,markdown-parser}.test.ts',
  'test/webhooks/{health,retry-schedule,sign}.test.ts',
];

/**
 * The second run of the tests of behaviour that clients can notice: with graphql-js instead of compiled queries, and on
 * Postgres and Redis if both are reachable. Clients must see no difference.
 */
const secondRun = hasScaleStack
  ? { name: 'scale', env: { GRAPHQL_JIT: 'false', TEST_STACK: 'scale' } }
  : { name: 'plain', env: { GRAPHQL_JIT: 'false' } };

export default defineConfig({
  // A copy of graphql rejects the schemas of another copy in the same process.
  resolve: { alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }] },
  test: {
    // Tests wait more than they compute. The default, one less than the cores, would be a single worker on two cores.
    maxWorkers: 3,
    // Reloading the modules for each file would take a third of the time. Every test must undo its changes to modules.
    isolate: false,
    setupFiles: ['test/setup/wait-timeout.ts', 'test/setup/close-shared.ts'],
    globalSetup: ['test/setup/templates.ts'],
    // The default reporter prints its summary last.
    reporters: [slowestFiles, 'default'],
    // Generous, because a busy machine may be slow: the timeouts only end tests that hang.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      // Isolated, because some of these tests change global state, or test the loading of modules.
      { extends: true, test: { name: 'rules', include: STACK_INDEPENDENT_TESTS, isolate: true } },
      { extends: true, test: { name: 'compiled', include: ['test/**/*.test.ts'], exclude: STACK_INDEPENDENT_TESTS } },
      {
        extends: true,
        test: {
          ...secondRun,
          include: [
            'test/{access,chatbots,conversations,dialects,http,messages,replies,schema,streams,visitors}/**/*.test.ts',
          ],
          exclude: [
            ...STACK_INDEPENDENT_TESTS,
            // These tests choose their stack or database engine themselves.
            'test/chatbots/{delete-under-way,pausing,remove-chatbots}.test.ts',
            'test/messages/{concurrent-requests,idempotent-branches}.test.ts',
            'test/replies/{cluster-nodes,other-node,stop-requests,stopping}.test.ts',
            // These tests cover behaviour before any execution or storage, or behaviour of remote servers.
            'test/http/{bad-input,bodies/large-bodies,close-codes,cors,graphiql/session,media-types,schema-files,slow-sockets}.test.ts',
            'test/replies/model-failures.test.ts',
          ],
        },
      },
    ],
  },
});
