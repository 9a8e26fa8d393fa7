import { LRUCache } from 'lru-cache';
import type { SessionOperations } from '../access/operations-rule.ts';
import { createUseTimes } from '../access/use-times.ts';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import { hashInId } from '../domain/operations.ts';
import { type Clock, type Timestamp, toTimestamp } from '../domain/time.ts';
import type { FailureLog } from '../failures.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Database } from '../store/database.ts';
import { findRunnableOperation, markOperationsUsed, type RunnableOperation } from '../store/operations/operations.ts';

/**
 * The documents of manifests that the process has used recently. A document is read again after one second, so a push
 * and a retirement take effect in every process within that time, whoever made them.
 */
export interface OperationStore {
  /**
   * Finds a document that has not retired, by its id or by `sha256:` and the hash of its text; the hash alone is enough.
   * @param name the manifest; undefined: any manifest of the account.
   * @throws StorageUnavailableError
   */
  find(accountId: string, name: string | undefined, documentId: string): Promise<RunnableOperation | undefined>;
  /**
   * Finds the settings of a chatbot for its sessions, which are at most one second old; undefined for an unknown one.
   * @throws StorageUnavailableError
   */
  findSessionOperations(accountId: string, chatbotId: string): Promise<SessionOperations | undefined>;
  /** Records that a document was used now. The time is stored within a few seconds. */
  recordUse(operationId: string): void;
  /** The time when a document was last used, if it is not stored yet. */
  lastUsedAt(operationId: string): Timestamp | undefined;
  /** Forgets all documents, after a change of this process. */
  invalidate(): void;
  /** Stores the times of use that are not stored yet. */
  close(): Promise<void>;
}

interface CachedSettings {
  readonly readAt: number;
  readonly settings: SessionOperations | undefined;
}

interface CachedLookup {
  readonly readAt: number;
  readonly operation: RunnableOperation | undefined;
}

const MAX_AGE_MS = 1_000;
const MAX_CACHED_CHATBOTS = 10_000;
const MAX_CACHED_CHARS = 16_000_000;
/** About the memory of a lookup besides the document. */
const LOOKUP_CHARS = 300;

/** Creates the store of one process. */
export function createOperationStore(db: Database, clock: Clock, failures: FailureLog): OperationStore {
  const findSessionOperations = createSettingsReader(db, clock);
  const lookups = new LRUCache<string, CachedLookup>({
    maxSize: MAX_CACHED_CHARS,
    sizeCalculation: ({ operation }) => LOOKUP_CHARS + (operation?.document.length ?? 0),
  });
  /** The lookups that are being read. */
  const reads = new Map<string, Promise<RunnableOperation | undefined>>();
  const useTimes = createUseTimes(
    { db, clock, failures },
    { failure: 'cannot store when documents were last used', store: markOperationsUsed },
  );
  let changeCount = 0;

  async function read(key: string, accountId: string, name: string | undefined, documentId: string) {
    const [readAt, changeCountAtStart] = [clock.monotonicMs(), changeCount];
    const hash = hashInId(documentId) ?? documentId;
    const now = toTimestamp(clock.now());
    const found = await findRunnableOperation(db.read, accountId, { documentId, hash, name, now });
    const known = lookups.peek(key)?.operation;
    // The cache of parsed documents finds the same string faster than an equal one.
    const operation = found && known?.document === found.document ? { ...found, document: known.document } : found;
    // A read that started before a change may be out of date.
    if (changeCount === changeCountAtStart) lookups.set(key, { readAt, operation });
    return operation;
  }

  return {
    async find(accountId, name, documentId) {
      const key = `${accountId} ${name ?? ''} ${documentId}`;
      const cached = lookups.get(key);
      if (cached !== undefined && clock.monotonicMs() - cached.readAt < MAX_AGE_MS) {
        const retiresAt = cached.operation?.retiresAt;
        return retiresAt && retiresAt <= toTimestamp(clock.now()) ? undefined : cached.operation;
      }
      const reading = reads.get(key) ?? read(key, accountId, name, documentId).finally(() => reads.delete(key));
      reads.set(key, reading);
      return reading;
    },

    findSessionOperations,

    recordUse: useTimes.record,
    lastUsedAt: useTimes.find,

    invalidate() {
      changeCount++;
      lookups.clear();
      reads.clear();
    },

    close: useTimes.close,
  };
}

/** Creates the function that reads the settings of chatbots for their sessions, each at most once a second. */
function createSettingsReader(db: Database, clock: Clock): OperationStore['findSessionOperations'] {
  const chatbots = createBoundedCache<CachedSettings>(MAX_CACHED_CHATBOTS);
  return async (accountId, chatbotId) => {
    const key = `${accountId} ${chatbotId}`;
    const cached = chatbots.get(key);
    if (cached !== undefined && clock.monotonicMs() - cached.readAt < MAX_AGE_MS) return cached.settings;
    const readAt = clock.monotonicMs();
    const settings = await findChatbot(db.read, accountId, chatbotId);
    chatbots.set(key, { readAt, settings });
    return settings;
  };
}
