import type { Logger } from 'pino';
import type { Keyring } from './access/keyring.ts';
import type { SignIn } from './access/oidc/sign-in.ts';
import type { SessionTokens } from './access/session-tokens/session-tokens.ts';
import type { AnswerEngine } from './answer/engine.ts';
import type { Background } from './background.ts';
import type { Config } from './config.ts';
import type { TypingIndicators } from './conversations/typing.ts';
import type { Announcements } from './coordination/announcements.ts';
import type { LiveBus } from './coordination/live-bus.ts';
import type { LiveTexts } from './coordination/live-texts.ts';
import type { RateLimiter } from './coordination/rate-limiter.ts';
import type { Clock } from './domain/time.ts';
import type { FailureLog } from './failures.ts';
import type { Metrics } from './metrics.ts';
import type { Embedder } from './models/embedder.ts';
import type { Models } from './models/model-types.ts';
import type { Prices } from './models/prices.ts';
import type { ProviderAccess } from './models/provider-access.ts';
import type { CheckDocument } from './operations/document-checker.ts';
import type { OperationStore } from './operations/operation-store.ts';
import type { GatewayNode } from './replies/gateway-node.ts';
import type { LiveReplies } from './replies/live-replies.ts';
import type { ReplyGate } from './replies/reply-gate.ts';
import type { Sealer } from './secrets.ts';
import type { SourceReader } from './sources/source-reader.ts';
import type { Database } from './store/database.ts';
import type { Cursors } from './streams/cursor.ts';
import type { IdentityKeys } from './visitors/identity-keys.ts';
import type { Selections } from './webhooks/selections.ts';

/** The components of the gateway, created once in `app.ts`. A function takes only those it uses: `Pick<Deps, …>`. */
export interface Deps {
  readonly config: Config;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly failures: FailureLog;
  readonly background: Background;
  readonly db: Database;
  readonly keyring: Keyring;
  readonly signIn: SignIn;
  readonly sessionTokens: SessionTokens;
  readonly identityKeys: IdentityKeys;
  readonly limiter: RateLimiter;
  readonly bus: LiveBus;
  readonly announcements: Announcements;
  readonly node: GatewayNode;
  readonly cursors: Cursors;
  readonly liveReplies: LiveReplies;
  readonly replyGate: ReplyGate;
  /** The texts of replies that other processes are generating. */
  readonly liveTexts: LiveTexts;
  readonly typing: TypingIndicators;
  /** The answer engines, by a chatbot's `provider`. */
  readonly engines: ReadonlyMap<string, AnswerEngine>;
  readonly sourceReader: SourceReader;
  readonly sealer: Sealer;
  readonly providerAccess: ProviderAccess;
  readonly models: Models;
  /** Absent when no embedding model is configured: the gateway then searches by words alone. */
  readonly embedder: Embedder | undefined;
  readonly prices: Prices;
  readonly selections: Selections;
  /** The documents that front ends send by their ids. */
  readonly operations: OperationStore;
  readonly checkDocument: CheckDocument;
}
