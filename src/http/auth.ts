import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DocumentNode, ExecutionArgs, OperationDefinitionNode } from 'graphql';
import proxyAddr from 'proxy-addr';
import { createLoadersFor, type GraphContext } from '../../schema/context.ts';
import {
  consumeAnonymousRateLimit,
  consumeRateLimit,
  consumeTypingLimit,
  giveRequestBack,
} from '../access/request-limits.ts';
import { authenticate, type Credential, hasCredential, type Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { LargeBodyPermit } from '../dialects/rest/body.ts';
import type { Channel } from '../domain/entities.ts';
import { RateLimitedError } from '../domain/errors.ts';
import type { MonthlyStatus, RateLimitStatus } from '../domain/limits.ts';
import { networkOf } from '../domain/network.ts';
import { boundsOfMonth, monthOf } from '../domain/time.ts';
import { findBudgetUsage } from '../store/limits/budgets.ts';
import { rootFieldNamesOf } from './cost/query-limits.ts';
import type { StreamedOperation } from './event-streams/result-stream.ts';
import type { AcceptedTypes } from './media-types.ts';
import type { RequestOptions } from './operations/request-options.ts';
import type { Client } from './pending-bytes.ts';

/** The result of an authentication; `viewer` is undefined if the request has no credential. */
export interface AuthResult {
  readonly viewer: Viewer | undefined;
  readonly rateLimit: RateLimitStatus;
  /** The refusal of an operation, unless it sets only typing indicators: see `consumeOperation`. */
  readonly refusal?: RateLimitedError | undefined;
}

/** Counts a request of a viewer: `consumeOperation` for GraphQL, `consumeRateLimit` for all others. */
export type CountRequest = (deps: Deps, viewer: Viewer) => Promise<Omit<AuthResult, 'viewer'>>;

/** Counts a request that is refused as soon as the requests of its key are used up. */
export const countRequest: CountRequest = async (deps, viewer) => ({ rateLimit: await consumeRateLimit(deps, viewer) });

/** The data about a request that the transport passes with each operation. */
export interface TransportContext extends AuthResult {
  readonly requestId: string;
  readonly transport: 'http' | 'websocket';
  /** The media types of the response; absent on a WebSocket. */
  readonly accepted?: AcceptedTypes;
  /** The permit to have a large body; absent on a WebSocket, and if the credential does not allow it. */
  readonly largeBody?: LargeBodyPermit | undefined;
  /** Aborts when the client no longer waits for the response. */
  readonly signal: AbortSignal;
  /** Reports the rate limit status to the client, if the transport can; the last report replaces earlier ones. */
  readonly reportRateLimit: ReportRateLimit;
  /** Tells the client that the response repeats that of an earlier request; absent if the transport cannot. */
  readonly reportReplay?: () => void;
  /**
   * Counts a stream before it opens; absent on a WebSocket, whose operations have a limit of their own.
   * @throws RateLimitedError when the key has the maximum number of streams.
   */
  readonly countStream?: (viewer: Viewer) => void;
  /** The options that the client asks for in the extensions of the request; set when they are read. */
  options?: RequestOptions | undefined;
  /** Called with the document when all checks have passed, before it runs; set when the document is found. */
  onChecked?: ((document: DocumentNode) => void) | undefined;
  /** The operation of a request whose results go to an event stream; absent for all others. */
  readonly streamedOperation?: StreamedOperation;
}

/** Reports a client's rate limit status; `retryAfterMs` is set only after a refusal. */
export type ReportRateLimit = (rateLimit: RateLimitStatus, retryAfterMs?: number) => void;

/** The credential and the address of a request. */
export interface PresentedCredential {
  readonly credential: Credential;
  readonly address: string;
}

/** The result for a request without a credential. */
export const ANONYMOUS: AuthResult = { viewer: undefined, rateLimit: { limit: 0, remaining: 0, resetMs: 0 } };

/**
 * Authenticates one HTTP request or WebSocket operation, and counts it against the limit of its key. A request without
 * a credential has no viewer, and counts against the limit of its network.
 * @throws UnauthenticatedError for an invalid credential; RateLimitedError.
 */
export async function authenticateRequest(
  deps: Deps,
  { credential, address }: PresentedCredential,
  count: CountRequest,
): Promise<AuthResult> {
  if (!hasCredential(credential)) {
    await consumeAnonymousRateLimit(deps, address);
    return ANONYMOUS;
  }
  const viewer = await authenticate(deps, credential, address);
  return countViewer(deps, viewer, count);
}

/**
 * Counts a request of an authenticated viewer.
 * @throws RateLimitedError
 */
export async function countViewer(deps: Deps, viewer: Viewer, count: CountRequest): Promise<AuthResult> {
  const counted = await count(deps, viewer);
  const monthly = await findMonthlyStatus(deps, viewer);
  return { viewer, ...counted, rateLimit: monthly ? { ...counted.rateLimit, monthly } : counted.rateLimit };
}

/** The status of the viewer's monthly budget of replies; undefined if it has none, and while it cannot be read. */
async function findMonthlyStatus(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { apiKeyId, limits }: Viewer,
): Promise<MonthlyStatus | undefined> {
  const limit = limits?.monthly?.messages;
  if (limit === undefined || apiKeyId === null) return undefined;
  const now = clock.now();
  const usage = await findBudgetUsage(db.read, { ownerId: apiKeyId, month: monthOf(now) }).catch(() => undefined);
  if (usage === undefined) return undefined;
  const { start, end } = boundsOfMonth(now);
  return { limit, remaining: Math.max(0, limit - usage.messages), resetMs: end - now, windowMs: end - start };
}

type CountDeps = Pick<Deps, 'limiter' | 'config' | 'metrics'>;
type CountedArgs = Pick<ExecutionArgs, 'document' | 'contextValue'>;

/** The field that has a limit of its own, because clients select it every few seconds. */
const TYPING_FIELD = 'setTyping';

/**
 * Refuses an operation of a key whose requests are used up, unless it only sets typing indicators.
 * @throws RateLimitedError
 */
export function requireRequestsLeft(deps: CountDeps, args: CountedArgs, operation: OperationDefinitionNode): void {
  const { refusal, reportRateLimit, options } = args.contextValue as TransportContext;
  if (refusal === undefined || (setsOnlyTyping(args, operation) && !options?.dryRun)) return;
  deps.metrics.rateLimited.inc();
  if (refusal.rateLimit) reportRateLimit(refusal.rateLimit, refusal.retryAfterMs);
  throw refusal;
}

/**
 * Counts the fields of a mutation. Authentication has counted one request, or one typing indicator if the requests of
 * the key are used up; each further field counts one more. A mutation that only sets typing indicators costs no request.
 * @throws RateLimitedError, QueryTooComplexError
 */
export async function countMutationFields(
  deps: CountDeps,
  args: CountedArgs,
  operation: OperationDefinitionNode,
  viewer: Viewer,
): Promise<void> {
  const { rateLimit, refusal } = args.contextValue as TransportContext;
  const reportRateLimit = (status: RateLimitStatus, retryAfterMs?: number) =>
    updateRateLimit(args, status, retryAfterMs);
  const fieldCount = rootFieldNamesOf(args.document, operation).length;
  const isTyping = setsOnlyTyping(args, operation);
  const isCounted = !isTyping || refusal !== undefined;
  const count = isCounted ? fieldCount - 1 : fieldCount;
  if (count === 0) return;
  try {
    if (!isTyping) return reportRateLimit(await consumeRateLimit(deps, viewer, count));
    await consumeTypingLimit(deps, viewer, count);
  } catch (error) {
    if (error instanceof RateLimitedError && error.rateLimit) reportRateLimit(error.rateLimit, error.retryAfterMs);
    throw error;
  }
  if (isCounted) return;
  giveRequestBack(deps, viewer);
  reportRateLimit({ ...rateLimit, remaining: rateLimit.remaining + 1 });
}

/** Reports the new status of the operation's credential; the status of its month has not changed. */
function updateRateLimit({ contextValue }: CountedArgs, status: RateLimitStatus, retryAfterMs?: number): void {
  const context = contextValue as { -readonly [K in keyof TransportContext]: TransportContext[K] };
  context.rateLimit = { monthly: context.rateLimit.monthly, ...status };
  context.reportRateLimit(context.rateLimit, retryAfterMs);
}

/** The number of requests that an operation counts as. */
export function countRequests(args: CountedArgs, operation: OperationDefinitionNode): number {
  if (operation.operation !== 'mutation') return 1;
  return setsOnlyTyping(args, operation) ? 0 : rootFieldNamesOf(args.document, operation).length;
}

function setsOnlyTyping({ document }: CountedArgs, operation: OperationDefinitionNode): boolean {
  if (operation.operation !== 'mutation') return false;
  return rootFieldNamesOf(document, operation).every((name) => name === TYPING_FIELD);
}

/** The data about a request that the context of resolvers contains. */
type ContextSource = Pick<TransportContext, 'requestId' | 'rateLimit' | 'signal' | 'reportReplay'>;

/**
 * Creates the context of resolvers.
 * @param channel the channel for new conversations; a session has its own channel, which takes precedence.
 */
export function createContext(
  deps: Deps,
  viewer: Viewer,
  channel: Channel,
  { requestId, rateLimit, signal, reportReplay }: ContextSource,
): GraphContext {
  return {
    deps,
    viewer,
    loaders: createLoadersFor(deps, viewer),
    signal,
    request: { id: requestId, channel: viewer.session?.channel ?? channel, rateLimit, reportReplay },
  };
}

/** Reads the credential and the address of an HTTP request. */
export function readCredential(deps: Pick<Deps, 'config'>, request: IncomingMessage): PresentedCredential {
  const apiKey = request.headers['x-api-key'];
  return {
    credential: {
      authorization: request.headers.authorization,
      apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey,
      origin: request.headers.origin,
    },
    address: addressOf(deps, request),
  };
}

/** The secret of a link that a page exchanges; empty if there is none. */
export function secretIn({ headers }: Pick<IncomingMessage, 'headers'>): string {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}

/** The client's address; forwarding headers count only from trusted proxies. */
export function addressOf({ config }: Pick<Deps, 'config'>, request: IncomingMessage): string {
  const { isTrustedProxy } = config;
  return isTrustedProxy === undefined ? (request.socket.remoteAddress ?? '') : proxyAddr(request, isTrustedProxy);
}

/** The client to whose limit buffered bytes are charged: the viewer's key, else the network of the request. */
export function clientFor(deps: Pick<Deps, 'config'>, viewer: Viewer | undefined, request: IncomingMessage): Client {
  return viewer === undefined
    ? { name: `address:${networkOf(addressOf(deps, request))}`, hasKey: false }
    : { name: `key:${viewer.credentialId}`, hasKey: true };
}

/** Creates a function that marks a response as that of an earlier request; in a stream that is open, it is too late. */
export function createReplayReporter(response: ServerResponse): () => void {
  return () => {
    if (!response.headersSent) response.setHeader('Idempotency-Replayed', 'true');
  };
}

/**
 * Creates a function that reports the rate limit status in response headers. Source:
 * draft-ietf-httpapi-ratelimit-headers-11.
 */
export function createRateLimitReporter(response: ServerResponse): ReportRateLimit {
  const toSeconds = (ms: number) => Math.ceil(ms / 1_000);
  return ({ limit, remaining, resetMs, monthly }, retryAfterMs) => {
    const policies = [`"burst";q=${limit};w=60`];
    const states = [`"burst";r=${remaining};t=${toSeconds(resetMs)}`];
    if (monthly) {
      policies.push(`"month";q=${monthly.limit};w=${toSeconds(monthly.windowMs)}`);
      states.push(`"month";r=${monthly.remaining};t=${toSeconds(monthly.resetMs)}`);
    }
    response.setHeader('RateLimit-Policy', policies.join(', '));
    response.setHeader('RateLimit', states.join(', '));
    if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1_000));
  };
}
