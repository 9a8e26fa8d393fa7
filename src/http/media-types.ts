import { type Accept, parseAccept } from 'hono/utils/accept';
import { createBoundedCache } from '../domain/bounded-cache.ts';

const RESULT_TYPES = ['application/json', 'application/graphql-response+json'] as const;
const STREAM_TYPES = ['text/event-stream', 'multipart/mixed'] as const;

/** A media type of GraphQL responses. */
export type MediaType = (typeof RESULT_TYPES | typeof STREAM_TYPES)[number];

/** The media types of GraphQL responses that a client prefers; undefined where it accepts none. */
export interface AcceptedTypes {
  /** For a single result: a stream of one result if the client prefers that. */
  readonly result: MediaType | undefined;
  /** For the results of a subscription. */
  readonly stream: MediaType | undefined;
}

// Clients send the same few headers with every request, and choosing takes 10 to 40 microseconds.
const MAX_CACHED_HEADERS = 100;
const MAX_CACHED_LENGTH = 300;
const cache = createBoundedCache<AcceptedTypes>(MAX_CACHED_HEADERS);

/** Chooses the media types of a GraphQL response by the header `Accept`. Source: RFC 9110, section 12.5.1. */
export function negotiateTypes(header = '*/*'): AcceptedTypes {
  const cached = cache.get(header);
  if (cached !== undefined) return cached;
  const ranges = parseAccept(header || '*/*').filter(includesUtf8);
  const accepted = {
    result: choose([...RESULT_TYPES, ...STREAM_TYPES], ranges),
    stream: choose(STREAM_TYPES, ranges),
  };
  if (header.length <= MAX_CACHED_LENGTH) cache.set(header, accepted);
  return accepted;
}

/** The media type of a refusal. A client that accepts none gets the one that does not depend on the status. */
export function typeOfRefusal({ result }: AcceptedTypes): MediaType {
  return result ?? 'application/graphql-response+json';
}

/** Returns whether a media type or the value of `Content-Type` is that of a stream. */
export function isStreamType(type: unknown): boolean {
  return STREAM_TYPES.some((streamType) => streamType === String(type).split(';', 1)[0]?.trim());
}

/**
 * Chooses the acceptable type with the highest quality. Of equal ones, a single result is better than a stream, and then
 * the type that the header names first.
 */
function choose(types: readonly MediaType[], ranges: readonly Accept[]): MediaType | undefined {
  const candidates = types.map((type) => {
    const range = findRange(ranges, type);
    const index = range ? ranges.indexOf(range) : 0;
    return { type, quality: range?.q ?? 0, rank: isStreamType(type) ? ranges.length + index : index };
  });
  const acceptable = candidates.filter(({ quality }) => quality > 0);
  return acceptable.sort((a, b) => b.quality - a.quality || a.rank - b.rank)[0]?.type;
}

/** Finds the most specific range that includes a type. */
function findRange(ranges: readonly Accept[], type: MediaType): Accept | undefined {
  const find = (name: string) => ranges.find((range) => range.type.toLowerCase() === name);
  return find(type) ?? find(`${type.split('/', 1)[0]}/*`) ?? find('*/*');
}

/** Returns whether a range includes UTF-8, the only encoding that the gateway writes. */
function includesUtf8({ params: { charset } }: Accept): boolean {
  return charset === undefined || /^utf-?8$/i.test(charset);
}
