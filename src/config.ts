import { resolve } from 'node:path';
import proxyAddr from 'proxy-addr';
import { StartupError } from './domain/errors.ts';
import type { Provider } from './domain/providers.ts';
import type { ProxySettings } from './domain/proxies.ts';
import { createSingleIssuer, type OidcIssuer } from './domain/sign-in/issuers.ts';
import { SETTINGS, type Settings } from './settings.ts';

/** All settings, read and checked once at the start. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly databaseUrl: string;
  /** The maximum number of connections to Postgres. */
  readonly databasePoolSize: number;
  /** Absent when the gateway runs as a single process. */
  readonly redis: { readonly url: string; readonly prefix: string; readonly rateLimitTimeoutMs: number } | undefined;
  readonly logLevel: string;
  readonly rateLimitPerMinute: number;
  /** AI replies per account and UTC month; 0 means no limit. */
  readonly monthlyMessageLimit: number;
  readonly maxMessageChars: number;
  /** The maximum result size of a query, of one event of a subscription and of a webhook document; in bytes. */
  readonly maxResponseBytes: number;
  /** The number of earlier turns that an engine receives; a turn is two messages. */
  readonly historyTurns: number;
  /** The time that a REST chat request waits for an answer. */
  readonly chatTimeoutMs: number;
  /** The time for which events are stored; 0 stores them for ever. */
  readonly eventRetentionMs: number;
  /** The time for which the chatbot stays silent after an agent's message. */
  readonly handoffMs: number;
  /** Requests with a well-formed but unknown key per minute and network (see `networkOf`); 0 means no limit. */
  readonly authFailuresPerMinute: number;
  /** Requests without a key per minute and network (see `networkOf`); 0 means no limit. */
  readonly anonymousRequestsPerMinute: number;
  /** The maximum number of bytes buffered for one client. */
  readonly maxPendingBytesPerClient: number;
  /** The maximum number of bytes buffered for all clients together. */
  readonly maxPendingBytes: number;
  /** The maximum number of open HTTP streams per key. */
  readonly maxStreamsPerKey: number;
  /** The time for which an idle connection stays open between two requests. */
  readonly keepAliveMs: number;
  readonly allowedOrigins: readonly string[];
  /** Returns whether an address is that of a trusted proxy; absent when no proxy is trusted. */
  readonly isTrustedProxy: ((address: string, hop: number) => boolean) | undefined;
  readonly hasGraphiql: boolean;
  /** The gateway compiles an operation at this use of it: 1 means the first use, 3 the third; 0 disables compiling. */
  readonly compileAtUse: number;
  readonly metricsToken: string | undefined;
  readonly bootstrapApiKey: string | undefined;
  readonly seedsDemo: boolean;
  /** The pause between two words of the built-in engine; 0 means none. */
  readonly builtinDelayMs: number;
  readonly models: ModelSettings;
  /** The model for search by meaning, and its server; absent when the gateway searches by words alone. */
  readonly embeddings: EmbeddingSettings | undefined;
  /** The issuers of the tokens with which people sign in; empty: nobody can. */
  readonly oidcIssuers: readonly OidcIssuer[];
  /** The 32-byte keys that seal secrets, newest first; empty if none is set. */
  readonly secretKeys: readonly Buffer[];
  /** Non-public address ranges that the gateway may connect to when a client specifies the URL. */
  readonly allowedAddresses: readonly string[];
  /** The proxies for requests to models and webhook endpoints. */
  readonly proxies: ProxySettings;
  /** The delays between the attempts of a webhook delivery for subscriptions with the schedule `SHORT`. */
  readonly webhookRetryDelaysMs: readonly number[];
  readonly isProduction: boolean;
}

/** The settings of hosted models and their time limits. */
export interface ModelSettings {
  /**
   * The operator's keys and addresses, which all accounts use. A provider without a key is not configured, except
   * `open`, for which an address is enough.
   */
  readonly access: Readonly<Record<Provider, ModelAccess>>;
  /** The maximum time until the first byte of a model's response. */
  readonly firstByteMs: number;
  /** The maximum pause between later bytes. */
  readonly silenceMs: number;
  /** The maximum time of an answer, including retries and fallback models. */
  readonly totalMs: number;
  readonly maxOutputTokens: number;
  /** Whether the built-in engine answers when all models fail. */
  readonly fallsBackToBuiltin: boolean;
  /** A file of prices that override the built-in prices. */
  readonly pricesFile: string | undefined;
}

/** A provider's API key, and an address that replaces its default address. */
export interface ModelAccess {
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
}

/** An embedding model, and the server that runs it: any that speaks OpenAI's protocol for embeddings. */
export interface EmbeddingSettings {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly model: string;
}

const COMPILE_AT_USE = 3;

/** Settings that are also read in lower case, which takes precedence, as in curl and other programs. */
const LOWER_CASE_SETTINGS = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/**
 * Reads the settings; an empty variable counts as absent.
 * @throws StartupError that names all invalid values.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const input = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const aliases = LOWER_CASE_SETTINGS.filter((name) => input[name.toLowerCase()] !== undefined);
  for (const name of aliases) input[name] = input[name.toLowerCase()];
  const parsed = SETTINGS.refine(hasWholeEmbeddings, {
    path: ['EMBEDDINGS_MODEL'],
    message: 'must be set together with EMBEDDINGS_BASE_URL',
    when: () => true,
  })
    .refine(hasWholeIssuer, {
      path: ['OIDC_ISSUER'],
      message: 'must be set together with OIDC_AUDIENCE and OIDC_ACCOUNT',
      when: () => true,
    })
    .refine(hasDistinctIssuers, { path: ['OIDC_ISSUER'], message: 'must not be in OIDC_ISSUERS_FILE too' })
    .safeParse(input);
  if (!parsed.success) {
    const nameOf = (name: string) => (aliases.some((alias) => alias === name) ? name.toLowerCase() : name);
    const lines = parsed.error.issues.map(({ path, message }) => `  ${nameOf(path.join('.'))}: ${message}`);
    throw new StartupError(`These settings cannot be used:\n${lines.join('\n')}`);
  }
  const settings = parsed.data;
  return {
    port: settings.PORT,
    host: settings.HOST,
    databaseUrl: settings.DATABASE_URL ?? `sqlite:${resolve(settings.DATA_DIR, 'chatgraph.db')}`,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    redis:
      settings.REDIS_URL === undefined
        ? undefined
        : {
            url: settings.REDIS_URL,
            prefix: settings.REDIS_PREFIX,
            rateLimitTimeoutMs: settings.REDIS_RATE_LIMIT_TIMEOUT_MS,
          },
    logLevel: settings.LOG_LEVEL,
    rateLimitPerMinute: settings.RATE_LIMIT_PER_MINUTE,
    monthlyMessageLimit: settings.MONTHLY_MESSAGE_LIMIT,
    maxMessageChars: settings.MAX_MESSAGE_CHARS,
    maxResponseBytes: settings.MAX_ANSWER_BYTES,
    historyTurns: settings.HISTORY_TURNS,
    chatTimeoutMs: settings.CHAT_TIMEOUT_SECONDS * 1_000,
    eventRetentionMs: settings.EVENT_RETENTION_DAYS * 86_400_000,
    handoffMs: settings.HANDOFF_HOURS * 3_600_000,
    authFailuresPerMinute: settings.AUTH_FAILURES_PER_MINUTE,
    anonymousRequestsPerMinute: settings.ANONYMOUS_REQUESTS_PER_MINUTE,
    maxPendingBytesPerClient: settings.MAX_PENDING_BYTES_PER_CLIENT,
    maxPendingBytes: settings.MAX_PENDING_BYTES,
    maxStreamsPerKey: settings.MAX_STREAMS_PER_KEY,
    keepAliveMs: settings.KEEP_ALIVE_SECONDS * 1_000,
    allowedOrigins: settings.ALLOWED_ORIGINS,
    isTrustedProxy: settings.TRUSTED_PROXIES.length > 0 ? proxyAddr.compile(settings.TRUSTED_PROXIES) : undefined,
    hasGraphiql: settings.GRAPHIQL,
    compileAtUse: settings.GRAPHQL_JIT ? COMPILE_AT_USE : 0,
    metricsToken: settings.METRICS_TOKEN,
    bootstrapApiKey: settings.BOOTSTRAP_API_KEY,
    seedsDemo: settings.SEED_DEMO,
    builtinDelayMs: settings.BUILTIN_DELAY_MS,
    models: readModelSettings(settings),
    embeddings: readEmbeddingSettings(settings),
    oidcIssuers: readIssuers(settings),
    secretKeys: [settings.SECRET_KEY, settings.SECRET_KEY_PREVIOUS].filter((key) => key !== undefined),
    allowedAddresses: settings.SSRF_ALLOW_CIDRS,
    proxies: {
      http: settings.HTTP_PROXY,
      https: settings.HTTPS_PROXY,
      isDirect: settings.NO_PROXY,
      resolvesNames: settings.PROXY_RESOLVES_NAMES,
    },
    webhookRetryDelaysMs: settings.WEBHOOK_RETRY_SCHEDULE.map((seconds) => seconds * 1_000),
    isProduction: settings.NODE_ENV === 'production',
  };
}

/** Reads the key for commands that connect to a gateway, from `CHATGRAPH_KEY`; undefined if not set. */
export function readKey(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env.CHATGRAPH_KEY || undefined;
}

function readModelSettings(settings: Settings): ModelSettings {
  return {
    access: {
      openai: { apiKey: settings.OPENAI_API_KEY, baseUrl: settings.OPENAI_BASE_URL },
      anthropic: { apiKey: settings.ANTHROPIC_API_KEY, baseUrl: settings.ANTHROPIC_BASE_URL },
      google: { apiKey: settings.GOOGLE_GENERATIVE_AI_API_KEY, baseUrl: settings.GOOGLE_BASE_URL },
      xai: { apiKey: settings.XAI_API_KEY, baseUrl: settings.XAI_BASE_URL },
      deepseek: { apiKey: settings.DEEPSEEK_API_KEY, baseUrl: settings.DEEPSEEK_BASE_URL },
      qwen: { apiKey: settings.DASHSCOPE_API_KEY, baseUrl: settings.QWEN_BASE_URL },
      glm: { apiKey: settings.ZHIPU_API_KEY, baseUrl: settings.GLM_BASE_URL },
      open: { apiKey: settings.OPENAI_COMPATIBLE_API_KEY, baseUrl: settings.OPENAI_COMPATIBLE_BASE_URL },
    },
    firstByteMs: settings.MODEL_FIRST_BYTE_SECONDS * 1_000,
    silenceMs: settings.MODEL_SILENCE_SECONDS * 1_000,
    totalMs: settings.MODEL_TOTAL_SECONDS * 1_000,
    maxOutputTokens: settings.MODEL_MAX_OUTPUT_TOKENS,
    fallsBackToBuiltin: settings.MODEL_FALLBACK_BUILTIN,
    pricesFile: settings.MODEL_PRICES_FILE,
  };
}

function hasWholeEmbeddings(settings: Settings): boolean {
  return (settings.EMBEDDINGS_BASE_URL === undefined) === (settings.EMBEDDINGS_MODEL === undefined);
}

/** Runs beside the rules of single settings, so it only counts on what is set. */
function hasWholeIssuer(settings: Settings): boolean {
  const { OIDC_ISSUER, OIDC_AUDIENCE, OIDC_ACCOUNT } = settings;
  return new Set([OIDC_ISSUER, OIDC_AUDIENCE, OIDC_ACCOUNT].map((value) => value === undefined)).size === 1;
}

function hasDistinctIssuers({ OIDC_ISSUER, OIDC_ISSUERS_FILE = [] }: Settings): boolean {
  return OIDC_ISSUERS_FILE.every(({ issuer }) => issuer !== OIDC_ISSUER);
}

function readIssuers({ OIDC_ISSUERS_FILE = [], ...settings }: Settings): readonly OidcIssuer[] {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_ACCOUNT: account } = settings;
  if (issuer === undefined || audience === undefined || account === undefined) return OIDC_ISSUERS_FILE;
  return [createSingleIssuer(issuer, audience, account), ...OIDC_ISSUERS_FILE];
}

function readEmbeddingSettings(settings: Settings): EmbeddingSettings | undefined {
  const { EMBEDDINGS_BASE_URL: baseUrl, EMBEDDINGS_MODEL: model, EMBEDDINGS_API_KEY: apiKey } = settings;
  return baseUrl !== undefined && model !== undefined ? { baseUrl, apiKey, model } : undefined;
}
