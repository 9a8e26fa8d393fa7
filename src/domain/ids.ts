import { UUID, V7Generator } from 'uuidv7';

/**
 * The entities with ids, each with the number in the last five bits of its ids. These numbers are part of every stored
 * id: new numbers may be added, existing numbers never change. If a number is below ten, the last hex digit of the ids
 * is the number itself.
 */
const KINDS = {
  account: 1,
  apiKey: 2,
  chatbot: 3,
  source: 4,
  passage: 5,
  conversation: 6,
  message: 7,
  lead: 8,
  webhookSubscription: 9,
  webhookDelivery: 10,
  webhookEvent: 11,
  conversationEvent: 12,
  conversationActivity: 13,
  visitor: 14,
  sessionToken: 15,
  operationManifest: 20,
  operation: 21,
  member: 24,
} as const;

/** An entity with ids. */
export type IdKind = keyof typeof KINDS;

const KIND_BITS = 0b11111;
const kindByNumber = new Map<number, IdKind>(Object.entries(KINDS).map(([kind, number]) => [number, kind as IdKind]));
const ID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * While the clock is behind the last id's time, the generator continues from that time, however far the clock was set
 * back.
 */
const generator = new V7Generator();
generator.setRollbackAllowance(2 ** 48 - 1);

/**
 * Creates an id: a UUIDv7 whose last five bits identify the entity. So the same UUID serves GraphQL, REST and the
 * database, and `node(id)` needs no lookup table. Ids of one process sort in the order of their creation, whatever its
 * clock.
 */
export function createId(kind: IdKind): string {
  const bytes = Uint8Array.from(generator.generate().bytes);
  bytes[15] = ((bytes[15] ?? 0) & ~KIND_BITS) | KINDS[kind];
  return UUID.ofInner(bytes).toString();
}

/** Makes all later ids sort after `newestId`, which an earlier process may have created while the clock was ahead. */
export function continueIdsAfter(newestId: string): void {
  generator.generateOrResetWithTs(timeOf(newestId) + 1);
}

/** Creates an id that sorts after an earlier id, which may come from a machine whose clock is ahead. */
export function createIdAfter(kind: IdKind, earlierId: string | undefined): string {
  const id = createId(kind);
  if (earlierId === undefined || id > earlierId) return id;
  return idStartAt(timeOf(earlierId) + 1) + id.slice(13);
}

/** The start of all ids that are created at a time, in milliseconds. It sorts before them, and after all earlier ids. */
export function idStartAt(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}

const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/**
 * The entity of `id`; `undefined` for any text that is not an id of this program. Expects lower case: see `parseId`.
 */
export function kindOfId(id: string): IdKind | undefined {
  if (!ID_PATTERN.test(id)) return undefined;
  return kindByNumber.get(Number.parseInt(id.slice(-2), 16) & KIND_BITS);
}

/**
 * Parses an id from a client and lower-cases it; returns `undefined` for a malformed id or an id of another entity.
 * Callers treat `undefined` like an unknown id, so the response to a malformed id reveals nothing.
 */
export function parseId(kind: IdKind, text: string): string | undefined {
  const id = text.toLowerCase();
  return kindOfId(id) === kind ? id : undefined;
}
