import { readFileSync } from 'node:fs';
import proxyAddr from 'proxy-addr';
import { z } from 'zod';
import { hasKeyFormat } from './domain/key-form.ts';
import { parseNoProxy, parseProxyUrl } from './domain/proxies.ts';
import { isIssuer, issuersRules } from './domain/sign-in/issuers.ts';
import { trimTrailingSlashes } from './domain/text.ts';

const integer = (fallback: number, min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be between ${min} and ${max}`)
    .default(fallback);

const flag = (fallback: boolean) =>
  z
    .enum(['true', 'false'], 'must be true or false')
    .transform((text) => text === 'true')
    .default(fallback);

const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .default([]);

const addressRanges = list.refine(areAddresses, 'must be addresses or ranges such as 10.0.0.0/8');

const secret = z.string().min(1).optional();

const address = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'must be an address such as https://models.example/v1',
  )
  .transform(trimTrailingSlashes)
  .optional();

const secondsList = z
  .string()
  .regex(
    /^\d{1,6}(,\d{1,6}){0,19}$/,
    'must be 1 to 20 whole numbers of seconds, each at most 999999, such as 60,300,900',
  )
  .transform((text) => text.split(',').map(Number))
  .default([60, 300, 900]);

const secretKey = z
  .string()
  .transform((text) => Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64'))
  .refine((bytes) => bytes.length === 32, 'must be 32 bytes as 64 hex digits or as base64: openssl rand -hex 32')
  .optional();

const proxyServer = z
  .string()
  .transform((text, context) => {
    const proxy = parseProxyUrl(text);
    if (proxy !== undefined) return proxy;
    // Does not repeat the value, which may contain a password.
    const message =
      'must be http://[<user>:<password>@]<host>[:<port>] or https://…, with special characters of the user and ' +
      'password percent-encoded';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .optional();

const noProxy = z
  .string()
  .transform((text, context) => {
    const isDirect = parseNoProxy(text);
    if (isDirect !== undefined) return isDirect;
    const message =
      'must be *, or host names, IP addresses and ranges, separated by commas, each with a port or without';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .optional();

/** A file that lists issuers. Each problem names the place in the file. */
const issuersFile = z
  .string()
  .transform((path, context) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      context.addIssue({ code: 'custom', message: `cannot be read: ${(error as Error).message}` });
      return z.NEVER;
    }
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a file with JSON' });
      return z.NEVER;
    }
  })
  .pipe(issuersRules)
  .optional();

/** All environment variables, with their validation and defaults; `docs/configuration.md` lists the same. */
export const SETTINGS = z.object({
  PORT: integer(4000, 0, 65_535),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().default('./data'),
  DATABASE_URL: z
    .string()
    .regex(/^(sqlite:.|postgres(ql)?:\/\/.)/, 'must be sqlite:<path> or postgres://<user>@<host>/<database>')
    .optional(),
  DATABASE_POOL_SIZE: integer(10, 1, 1_000),
  REDIS_URL: z
    .string()
    .refine(isRedisUrl, 'must be redis://[[<user>]:<password>@]<host>[:<port>][/<number>], or rediss:// for TLS')
    .optional(),
  REDIS_RATE_LIMIT_TIMEOUT_MS: integer(50, 1, 10_000),
  REDIS_PREFIX: z.string().regex(/^\S+$/, 'must have no spaces').default('chatgraph:'),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    )
    .default('info'),
  RATE_LIMIT_PER_MINUTE: integer(60, 1, 1_000_000),
  MONTHLY_MESSAGE_LIMIT: integer(0, 0, 1_000_000_000),
  MAX_MESSAGE_CHARS: integer(8_000, 1, 100_000),
  MAX_ANSWER_BYTES: integer(10_000_000, 10_000, 1_000_000_000),
  HISTORY_TURNS: integer(10, 0, 1_000),
  CHAT_TIMEOUT_SECONDS: integer(120, 1, 3_600),
  EVENT_RETENTION_DAYS: integer(30, 0, 36_500),
  HANDOFF_HOURS: integer(24, 1, 8_760),
  AUTH_FAILURES_PER_MINUTE: integer(30, 0, 1_000_000),
  ANONYMOUS_REQUESTS_PER_MINUTE: integer(600, 0, 1_000_000),
  MAX_PENDING_BYTES_PER_CLIENT: integer(32_000_000, 100_000, 100_000_000_000),
  MAX_PENDING_BYTES: integer(256_000_000, 1_000_000, 100_000_000_000),
  MAX_STREAMS_PER_KEY: integer(100, 1, 1_000_000),
  KEEP_ALIVE_SECONDS: integer(75, 1, 3_600),
  ALLOWED_ORIGINS: list.refine((origins) => origins.every(isOrigin), 'must be origins such as https://example.com'),
  TRUSTED_PROXIES: addressRanges,
  GRAPHIQL: flag(true),
  GRAPHQL_JIT: flag(true),
  METRICS_TOKEN: secret,
  BOOTSTRAP_API_KEY: z.string().refine(hasKeyFormat, 'must be an API key with a valid checksum').optional(),
  SEED_DEMO: flag(true),
  BUILTIN_DELAY_MS: integer(10, 0, 10_000),
  OPENAI_API_KEY: secret,
  OPENAI_BASE_URL: address,
  ANTHROPIC_API_KEY: secret,
  ANTHROPIC_BASE_URL: address,
  GOOGLE_GENERATIVE_AI_API_KEY: secret,
  GOOGLE_BASE_URL: address,
  XAI_API_KEY: secret,
  XAI_BASE_URL: address,
  DEEPSEEK_API_KEY: secret,
  DEEPSEEK_BASE_URL: address,
  DASHSCOPE_API_KEY: secret,
  QWEN_BASE_URL: address,
  ZHIPU_API_KEY: secret,
  GLM_BASE_URL: address,
  OPENAI_COMPATIBLE_API_KEY: secret,
  OPENAI_COMPATIBLE_BASE_URL: address,
  MODEL_FIRST_BYTE_SECONDS: integer(30, 1, 600),
  MODEL_SILENCE_SECONDS: integer(20, 1, 600),
  MODEL_TOTAL_SECONDS: integer(110, 1, 3_600),
  MODEL_MAX_OUTPUT_TOKENS: integer(4_096, 16, 1_000_000),
  MODEL_FALLBACK_BUILTIN: flag(true),
  MODEL_PRICES_FILE: z.string().optional(),
  EMBEDDINGS_BASE_URL: address,
  EMBEDDINGS_API_KEY: secret,
  EMBEDDINGS_MODEL: z.string().max(255, 'must have at most 255 characters').optional(),
  SECRET_KEY: secretKey,
  SECRET_KEY_PREVIOUS: secretKey,
  OIDC_ISSUERS_FILE: issuersFile,
  OIDC_ISSUER: z.string().refine(isIssuer, 'must be an address such as https://login.example.com').optional(),
  OIDC_AUDIENCE: z.string().max(255, 'must have at most 255 characters').optional(),
  OIDC_ACCOUNT: z.string().max(255, 'must have at most 255 characters').optional(),
  SSRF_ALLOW_CIDRS: addressRanges,
  HTTP_PROXY: proxyServer,
  HTTPS_PROXY: proxyServer,
  NO_PROXY: noProxy,
  PROXY_RESOLVES_NAMES: flag(false),
  WEBHOOK_RETRY_SCHEDULE: secondsList,
  NODE_ENV: z.string().default('development'),
});

/** The validated values of all settings. */
export type Settings = z.output<typeof SETTINGS>;

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname } = new URL(text);
  return /^rediss?:$/.test(protocol) && hostname !== '' && /^(\/\d*)?$/.test(pathname);
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function areAddresses(ranges: string[]): boolean {
  try {
    proxyAddr.compile(ranges);
    return true;
  } catch {
    return false;
  }
}
