import { z } from 'zod';
import { CHANNELS } from '../domain/entities.ts';
import { resettable, singleLine, text } from '../domain/input.ts';
import { WEBHOOK_EVENTS, WEBHOOK_SCHEDULES, type WebhookEventName } from '../domain/webhooks.ts';
import type { AddressRules } from '../outbound/addresses.ts';
import { AddressRefusedError, checkUrl } from '../outbound/guard.ts';

const MAX_URL_LENGTH = 2_048;

/** The maximum length of a subscription's document. */
export const MAX_DOCUMENT_LENGTH = 10_000;

/** The maximum number of custom headers of a subscription. */
export const MAX_HEADERS = 10;

/** The maximum length of a custom header's value. */
const MAX_HEADER_LENGTH = 1_000;

/** An HTTP token. Source: RFC 9110. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Headers that the gateway sets, and hop-by-hop headers. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
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
const RESERVED_PREFIX = 'webhook-';

/** The names of events in the GraphQL schema. */
const EVENT_NAMES = Object.keys(WEBHOOK_EVENTS) as WebhookEventName[];

/** A list of events without duplicates. */
export const eventList = z
  .array(z.enum(EVENT_NAMES))
  .min(1, 'Must name at least one event.')
  .refine((events) => new Set(events).size === events.length, 'Must name each event once.');

// An empty list means all channels, as null does.
const channelList = z
  .array(z.enum(CHANNELS))
  .refine((channels) => new Set(channels).size === channels.length, 'Must name each channel once.')
  .transform((channels) => (channels.length === 0 ? null : channels));

const header = z.object({
  name: z
    .string()
    .regex(HEADER_NAME, "Must be 1 to 128 letters, digits and characters of !#$%&'*+-.^_`|~.")
    .refine((name) => !isReserved(name.toLowerCase()), 'Is set by the gateway or by HTTP itself.'),
  value: z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'Must be printable ASCII characters.')
    .refine((value) => value.trim() === value && value !== '', 'Must be given, with no spaces at its ends.')
    .refine((value) => value.length <= MAX_HEADER_LENGTH, `Must have at most ${MAX_HEADER_LENGTH} characters.`),
});

function isReserved(name: string): boolean {
  return RESERVED_HEADERS.has(name) || name.startsWith(RESERVED_PREFIX);
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
    .transform((url) => url.trim())
    .refine((url) => url.length <= MAX_URL_LENGTH, `Must have at most ${MAX_URL_LENGTH} characters.`)
    .refine((url) => !url.includes('#'), 'Must have no #: it would not be sent.')
    .transform((url, context) => {
      try {
        return checkUrl(url, rules).href;
      } catch (error) {
        if (!(error instanceof AddressRefusedError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    });
}

/** Creates the input rules of a subscription; only `url` and `events` are required. */
export function createSubscriptionRules(addresses: AddressRules) {
  return z.object({
    url: endpointUrl(addresses),
    events: eventList,
    description: resettable(singleLine(0, 255), ''),
    channels: resettable(channelList, null),
    document: resettable(text(1, MAX_DOCUMENT_LENGTH), null),
    schedule: resettable(z.enum(WEBHOOK_SCHEDULES), 'SHORT' as const),
    headers: resettable(headerList, {}),
  });
}
