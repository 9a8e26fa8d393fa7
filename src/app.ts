import type { Logger } from 'pino';
import { createKeyring } from './access/keyring.ts';
import { createSignIn } from './access/oidc/sign-in.ts';
import { logUnknownAccounts } from './access/oidc/unknown-accounts.ts';
import { createSessionTokens } from './access/session-tokens/session-tokens.ts';
import type { AnswerEngine } from './answer/engine.ts';
import { createExtractiveEngine } from './answer/extractive.ts';
import { createModelEngine } from './answer/model-engine.ts';
import { createBackground } from './background.ts';
import { startRemovingChatbots } from './chatbots/remove-chatbots.ts';
import type { Config } from './config.ts';
import { startEndingWaits } from './conversations/end-waits.ts';
import { startIndexingMessages } from './conversations/index-messages.ts';
import { createTypingIndicators } from './conversations/typing.ts';
import { type Coordination, createMemoryCoordination, openRedisCoordination } from './coordination/coordination.ts';
import type { Deps } from './deps.ts';
import { StartupError, StorageUnavailableError } from './domain/errors.ts';
import { continueIdsAfter } from './domain/ids.ts';
import { BUILTIN, PROVIDERS } from './domain/providers.ts';
import { systemClock, toTimestamp } from './domain/time.ts';
import { createFailureLog } from './failures.ts';
import { prepareFirstStart } from './first-start.ts';
import { findGraphiqlLink } from './http/graphiql/session.ts';
import { checkDocument } from './http/operations/check-document.ts';
import { createHttpServer } from './http/server.ts';
import { createSelections } from './http/webhook-selections.ts';
import { createLogger } from './logger.ts';
import { addDueDeliveriesGauge, addRedisGauge, createMetrics } from './metrics.ts';
import { createEmbedder } from './models/embedder.ts';
import type { Models } from './models/model-types.ts';
import { createModels } from './models/models.ts';
import { createPrices } from './models/prices.ts';
import { createProviderAccess } from './models/provider-access.ts';
import { resealProviderKeys } from './models/sealed-keys.ts';
import { createOperationStore } from './operations/operation-store.ts';
import { openGuardedFetch } from './outbound/open-guarded-fetch.ts';
import { startCheckpoints } from './replies/checkpoint.ts';
import { createNode } from './replies/gateway-node.ts';
import { joinCluster } from './replies/node-leases.ts';
import { recoverReplies } from './replies/recover.ts';
import { createReplyGate } from './replies/reply-gate.ts';
import { startReplyWatcher } from './replies/reply-watcher.ts';
import { startRetention } from './retention.ts';
import { createSealer } from './secrets.ts';
import { startEmbeddingPassages } from './sources/embed-passages.ts';
import { startReindexing } from './sources/reindex-sources.ts';
import { createSourceReader } from './sources/source-reader.ts';
import { openDatabase } from './store/database.ts';
import { describeFailure } from './store/engines/error-codes.ts';
import { readGatewaySecret } from './store/gateway-secrets.ts';
import { findNewestIdOfAll } from './store/newest-ids.ts';
import { type WatchedDatabase, watchNewDeliveries } from './store/webhooks/new-deliveries.ts';
import { countDueDeliveries } from './store/webhooks/queue.ts';
import { createCursors } from './streams/cursor.ts';
import { resealIdentitySecrets } from './visitors/identity.ts';
import { createIdentityKeys } from './visitors/identity-keys.ts';
import { logBrokenDocuments } from './webhooks/broken-documents.ts';
import { resealWebhooks } from './webhooks/reseal.ts';
import { startWebhookWorker } from './webhooks/worker.ts';

/** A running gateway. */
export interface Gateway {
  readonly deps: Deps;
  /** The address that it listens on, such as `http://127.0.0.1:4000`. */
  readonly url: string;
  /** The first API key if this start created it; the key cannot be read again. */
  readonly firstKey: string | undefined;
  /** The path of GraphiQL, with the secret of its link if this start offers one. */
  readonly graphiqlPath: string;
  /** Finishes open requests within 10 seconds and replies within 15 seconds, then closes everything. */
  close(): Promise<void>;
}

/** The time for replies and other background work to finish at a stop; shorter than `HARD_STOP_MS` in `main.ts`. */
const DRAIN_MS = 15_000;
/** The time for the tasks that start during the stop. */
const LAST_DRAIN_MS = 500;

/** Creates the components that the settings select; tests override some of them. */
async function createDeps(
  config: Config,
  overrides: Partial<Deps> = {},
): Promise<{ deps: Deps; coordination: Coordination; onNewDeliveries: WatchedDatabase['onNewDeliveries'] }> {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const clock = overrides.clock ?? systemClock;
  const metrics = overrides.metrics ?? createMetrics();
  const prices = createPrices(config.models.pricesFile);
  const failures = createFailureLog(logger, () => deps.db.isReady());
  const background = createBackground(failures);
  const coordination = config.redis
    ? await openRedisCoordination(clock, { ...config.redis, logger })
    : createMemoryCoordination(clock, logger);
  const { db, onNewDeliveries } = watchNewDeliveries(
    overrides.db ??
      (await openDatabase({
        url: config.databaseUrl,
        role: 'gateway',
        poolSize: config.databasePoolSize,
        onExposedFiles: ({ paths, isRestricted }) =>
          logger.warn(
            { paths },
            isRestricted
              ? 'other users could read these files; removed their permissions'
              : 'other users can read these files',
          ),
      })),
  );
  // Created after `openDatabase`, which removes other users' permissions from the database files and the key file.
  const sealer = createSealer(config, logger);
  // Without a secret key, gateways that share a database sign cursors with a secret that is stored in it. Once a secret
  // key is set, the stored secret still verifies earlier cursors.
  const storedCursorKeys = db.isShared ? [await readGatewaySecret(db, 'cursor')] : [];
  const storedSessionKeys = db.isShared ? [await readGatewaySecret(db, 'session-token')] : [];
  if (coordination.isUp) addRedisGauge(metrics, coordination.isUp);
  addDueDeliveriesGauge(metrics, () => countDueDeliveries(db.read, toTimestamp(clock.now())));
  const { liveTexts, announcements, limiter } = coordination;
  const bus = overrides.bus ?? coordination.bus;
  const providerAccess = createProviderAccess({ config, db, clock, logger, metrics, background, sealer });
  const models =
    overrides.models ?? createModels({ ...config.models, ...providerAccess, onOutcome: providerAccess.recordOutcome });
  const deps: Deps = {
    config,
    logger,
    clock,
    metrics,
    failures,
    background,
    keyring: createKeyring(db, clock, failures),
    signIn: createSignIn({ issuers: config.oidcIssuers, db, clock, logger, fetch: providerAccess.operatorFetch }),
    sessionTokens: createSessionTokens({
      ...{ db, clock, failures },
      getKeys: (purpose) => [...sealer.deriveKeys(purpose), ...storedSessionKeys],
    }),
    identityKeys: createIdentityKeys({ fetch: openGuardedFetch(config), clock, logger }),
    limiter,
    bus,
    announcements,
    node: createNode(),
    cursors: createCursors(() => [...sealer.deriveKeys('cursor'), ...storedCursorKeys]),
    liveReplies: new Map(),
    replyGate: createReplyGate(),
    liveTexts,
    typing: createTypingIndicators(bus, clock, announcements),
    prices,
    sourceReader: createSourceReader(),
    sealer,
    providerAccess,
    models,
    embedder:
      config.embeddings && createEmbedder(config.embeddings, { fetch: providerAccess.operatorFetch, logger, metrics }),
    engines: createEngines(config, models, logger),
    selections: createSelections(() => deps),
    operations: createOperationStore(db, clock, failures),
    checkDocument,
    ...overrides,
    db,
  };
  return { deps, coordination, onNewDeliveries };
}

/** Creates the built-in engine, and one engine that all model providers share. */
function createEngines(config: Config, models: Models, logger: Logger): ReadonlyMap<string, AnswerEngine> {
  const builtin = createExtractiveEngine({ delayMs: config.builtinDelayMs });
  const hosted = createModelEngine({ models, builtin, settings: config.models, logger });
  return new Map([[BUILTIN, builtin], ...PROVIDERS.map((name) => [name, hosted] as const)]);
}

/**
 * Starts a gateway: opens the database and the port, creates the first account if there is none, recovers replies
 * that earlier processes left unfinished, and serves requests.
 * @throws StartupError when the operator has to change something first.
 */
export async function startGateway(config: Config, overrides: Partial<Deps> = {}): Promise<Gateway> {
  const { deps, coordination, onNewDeliveries } = await createDeps(config, overrides);
  const server = createHttpServer(deps);
  try {
    // Opens the port first, because it may be in use: a key created before that failure would never be shown.
    const port = await server.listen(config.port, config.host);
    const newestId = await findNewestIdOfAll(deps.db.read);
    if (newestId !== undefined) continueIdsAfter(newestId);
    const firstKey = await prepareFirstStart(deps);
    await deps.sessionTokens.refresh();
    await joinCluster(deps);
    await recoverReplies(deps);
    await logBrokenDocuments(deps);
    await logUnknownAccounts(deps);
    const stopDelivering = startWebhookWorker({ ...deps, onNewDeliveries });
    server.open();
    const stopCheckpoints = startCheckpoints(deps);
    const stopWatching = startReplyWatcher(deps);
    const stopRetention = startRetention(deps);
    const stopRemoving = startRemovingChatbots(deps);
    const stopEndingWaits = startEndingWaits(deps);
    const stopIndexing = startIndexingMessages(deps);
    const { embedder } = deps;
    const stopEmbedding = embedder && startEmbeddingPassages({ ...deps, embedder });
    startReindexing(deps);
    listenForAnnouncements(deps);
    if (config.secretKeys.length > 1) {
      deps.background.run('re-encrypt provider keys', () => resealProviderKeys(deps));
      deps.background.run('re-encrypt webhook secrets', () => resealWebhooks(deps));
      deps.background.run('re-encrypt identity secrets', () => resealIdentitySecrets(deps));
    }
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    return {
      deps,
      firstKey,
      graphiqlPath: findGraphiqlLink(deps) ?? '/graphql',
      url: `http://${host}:${port}`,
      async close() {
        stopRetention();
        stopRemoving();
        stopEndingWaits();
        stopIndexing();
        stopEmbedding?.();
        await closeGateway(deps, coordination, server, { stopCheckpoints, stopWatching, stopDelivering });
      },
    };
  } catch (error) {
    await closeGateway(deps, coordination, server);
    if (!(error instanceof StorageUnavailableError)) throw error;
    throw new StartupError(`Cannot use the database: ${describeFailure(error)}`);
  }
}

/** The functions that stop what runs at intervals until the gateway closes. */
interface RunningLoops {
  readonly stopCheckpoints: () => void;
  readonly stopWatching: () => Promise<void>;
  readonly stopDelivering: () => Promise<void>;
}

async function closeGateway(
  deps: Deps,
  coordination: Coordination,
  server: ReturnType<typeof createHttpServer>,
  { stopCheckpoints, stopWatching, stopDelivering }: Partial<RunningLoops> = {},
): Promise<void> {
  await Promise.all([server.stopAccepting(), deps.background.drain(DRAIN_MS), stopDelivering?.()]);
  stopCheckpoints?.();
  await stopWatching?.();
  await server.close();
  deps.typing.close();
  await coordination.close();
  // Requests and announcements may have started tasks since.
  await deps.background.drain(LAST_DRAIN_MS);
  deps.sessionTokens.close();
  await deps.keyring.close();
  await deps.operations.close();
  deps.signIn.close();
  await deps.providerAccess.close();
  deps.failures.close();
  await deps.db.close();
}

/** Reloads credentials when another process has changed them, or may have changed them. */
function listenForAnnouncements(deps: Deps): void {
  const { providerAccess, announcements, background, db, keyring, signIn, sessionTokens } = deps;
  const refreshKeys = () => background.run('refresh keys', () => keyring.refresh());
  const refreshMembers = () => background.run('refresh members', () => signIn.refresh());
  const refreshSessions = () => background.run('refresh sessions', () => sessionTokens.refresh());
  const refreshAll = () => {
    refreshKeys();
    refreshMembers();
    refreshSessions();
    providerAccess.invalidate();
  };
  db.onForeignWrite(refreshAll);
  announcements.on('revoked', refreshKeys);
  announcements.on('member', refreshMembers);
  announcements.on('sessions', refreshSessions);
  announcements.on('provider-keys', (accountId) => providerAccess.invalidate(accountId));
  announcements.onMissed(refreshAll);
}
