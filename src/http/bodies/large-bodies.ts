import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Viewer } from '../../access/viewer.ts';
import type { LargeBodyPermit } from '../../dialects/rest/body.ts';
import { RateLimitedError } from '../../domain/errors.ts';
import { announcesLargeBody } from '../request-rules.ts';
import type { ReceiveTime } from './receive-time.ts';

/** The maximum number of large requests at the same time, per account and in total: each can take 50 MB of memory. */
const MAX_PER_ACCOUNT = 2;
const MAX_TOTAL = 4;
const MAX_WAIT_MS = 30_000;
const RETRY_AFTER_SECONDS = 5;

/** Limits the memory that the large requests of one process take at the same time. */
export interface LargeBodies {
  /** Creates the permit of a request to have a large body; undefined if its credential does not allow that. */
  createPermit(viewer: Viewer | undefined, exchange: LargeExchange): LargeBodyPermit | undefined;
}

/** A request that may be large. */
interface LargeExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the exchange ends. */
  readonly signal: AbortSignal;
  readonly receiveTime: ReceiveTime;
  readonly waitsForContinue: boolean;
}

/**
 * Creates the limit. Beyond it, the gateway does not read the body of a large request until another one has ended. The
 * next one is that of the account with the fewest large requests, and of these the first.
 */
export function createLargeBodies(): LargeBodies {
  const slots = createSlots();
  return {
    createPermit(viewer, { request, response, signal, receiveTime, waitsForContinue }) {
      if (viewer === undefined || viewer.session !== undefined || !viewer.scopes.has('MANAGE')) return undefined;
      let isUsed = false;
      return {
        get isUsed() {
          return isUsed;
        },
        async use() {
          isUsed = true;
          receiveTime.stop();
          try {
            await slots.acquire(viewer.accountId, signal);
          } catch (error) {
            if (error instanceof RateLimitedError) response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
            throw error;
          } finally {
            receiveTime.restart();
          }
          if (waitsForContinue && announcesLargeBody(request)) response.writeContinue();
        },
      };
    },
  };
}

/** A request that waits for a slot. */
interface WaitingRequest {
  readonly accountId: string;
  /** Ends the wait with a slot. */
  readonly start: () => void;
}

/** Creates the slots of large requests. */
function createSlots() {
  const usedByAccount = new Map<string, number>();
  const waiting = new Set<WaitingRequest>();
  let used = 0;

  const countOf = (accountId: string) => usedByAccount.get(accountId) ?? 0;
  const hasFree = (accountId: string) => used < MAX_TOTAL && countOf(accountId) < MAX_PER_ACCOUNT;

  function take(accountId: string, signal: AbortSignal): void {
    used++;
    usedByAccount.set(accountId, countOf(accountId) + 1);
    signal.addEventListener('abort', () => release(accountId), { once: true });
  }

  function release(accountId: string): void {
    used--;
    const remaining = countOf(accountId) - 1;
    if (remaining > 0) usedByAccount.set(accountId, remaining);
    else usedByAccount.delete(accountId);
    const [next] = [...waiting]
      .filter((request) => hasFree(request.accountId))
      .sort((a, b) => countOf(a.accountId) - countOf(b.accountId));
    next?.start();
  }

  function wait(accountId: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        waiting.delete(request);
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const request: WaitingRequest = {
        accountId,
        start() {
          end();
          take(accountId, signal);
          resolve();
        },
      };
      const refuse = (error: unknown) => {
        end();
        reject(error);
      };
      const abort = () => refuse(signal.reason);
      const timer = setTimeout(() => {
        refuse(new RateLimitedError('Too many large requests at the same time.', RETRY_AFTER_SECONDS * 1_000));
      }, MAX_WAIT_MS);
      signal.addEventListener('abort', abort);
      waiting.add(request);
    });
  }

  return {
    /**
     * Takes a slot, which is free again when `signal` aborts.
     * @throws RateLimitedError after too long a wait; the reason of the abort.
     */
    async acquire(accountId: string, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      if (hasFree(accountId)) take(accountId, signal);
      else await wait(accountId, signal);
    },
  };
}
