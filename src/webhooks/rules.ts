import { z } from 'zod';
import { CHANNELS } from '../domain/entities.ts';
import { line, text } from '../domain/input.ts';
import { WEBHOOK_EVENTS, WEBHOOK_SCHEDULES, type WebhookEventName } from '../domain/webhooks.ts';
import type { AddressRules } from '../outbound/addresses.ts';
import { AddressRefusedError, checkUrl } from '../outbound/guard.ts';

const MAX_URL_LENGTH = 2_048;

/** How long the document of a subscription may be. */
export const MAX_DOCUMENT_LENGTH = 10_000;

/** How many custom headers a subscription may have. */
export const MAX_HEADERS = 10;

/** How long the value of one may be. */
const MAX_HEADER_LENGTH = 1_000;

/** Characters of a token of HTTP: RFC 9110. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** What is sent anyway, and what is between two hops. */
const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  ...[
    'host',
    'content-length',
    'content-type',
    'content-encoding',
    'accept-encoding',
    'user-agent',
    'x-insitechat-signature',
  ],
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'expect'],
]);
const TAKEN_PREFIX = 'webhook-';

/** The names of events, as the graph has them. */
const EVENT_NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

/** Events, each once. */
export const eventList = z
  .array(z.enum(EVENT_NAMES))
  .min(1, 'Must name one event at least.')
  .refine((events) => new Set(events).size === events.length, 'Must name each event once.');

// Empty stands for null, which counts as absent.
const channelList = z
  .array(z.enum(CHANNELS))
  .refine((channels) => new Set(channels).size === channels.length, 'Must name each channel once.')
  .transform((channels) => (channels.length === 0 ? null : channels));

const header = z.object({
  name: z
    .string()
    .regex(HEADER_NAME, "Must be 1 to 128 letters, digits and characters of !#$%&'*+-.^_`|~.")
    .refine((name) => !isTaken(name.toLowerCase()), 'Is set by the gateway or by HTTP itself.'),
  value: z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'Must be printable ASCII characters.')
    .refine((value) => value.trim() === value && value !== '', 'Must be given, with no spaces at its ends.')
    .refine((value) => value.length <= MAX_HEADER_LENGTH, `Must have at most ${MAX_HEADER_LENGTH} characters.`),
});

function isTaken(name: string): boolean {
  return TAKEN_HEADERS.has(name) || name.startsWith(TAKEN_PREFIX);
}

const headerList = z
  .array(header)
  .max(MAX_HEADERS, `Must be at most ${MAX_HEADERS}.`)
  .refine(
    (headers) => new Set(headers.map(({ name }) => name.toLowerCase())).size === headers.length,
    'Must name each header once.',
  )
  .transform((headers) => Object.fromEntries(headers.map(({ name, value }) => [name, value])));

function endpointUrl(rules: AddressRules) {
  return z
    .string()
    .transform((given) => given.trim())
    .refine((given) => given.length <= MAX_URL_LENGTH, `Must have at most ${MAX_URL_LENGTH} characters.`)
    .refine((given) => !given.includes('#'), 'Must have no #: it would not be sent.')
    .transform((given, context) => {
      try {
        return checkUrl(given, rules).href;
      } catch (error) {
        if (!(error instanceof AddressRefusedError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}

/** The rules of what an owner sets of a subscription; only `url` and `events` must be given. */
export function rulesFor(addresses: AddressRules) {
  return z.object({
    url: endpointUrl(addresses),
    events: eventList,
    description: line(0, 255).optional(),
    channels: channelList.optional(),
    document: text(1, MAX_DOCUMENT_LENGTH).optional(),
    schedule: z.enum(WEBHOOK_SCHEDULES).optional(),
    headers: headerList.optional(),
  });
}
