import type { Viewer } from '../access/viewer.ts';
import { quotaTopic } from '../coordination/topics.ts';
import type { Feed } from '../domain/feed.ts';
import { monthOf } from '../domain/time.ts';
import type { QuotaWarning } from '../domain/usage.ts';
import { checksumAt } from '../replies/text-position.ts';
import { findLastWarning, listWarnings, listWarningsOfMonth } from '../store/quota-warnings.ts';
import type { StreamCursors } from './cursor.ts';
import { type EventStream, type StreamDeps, subscribe } from './subscribe.ts';

/** A quota warning with its cursor. */
export interface QuotaWarningEvent extends QuotaWarning {
  /** Creates the cursor after this warning: opaque to clients, which pass it as `after`. */
  readonly cursor: () => string;
}

/** The number and a checksum of the last warning that a subscriber received; both are 0 before the first. */
interface QuotaPosition {
  readonly number: number;
  readonly checksum: number;
}

const START: QuotaPosition = { number: 0, checksum: 0 };
const CURSOR = /^(?<number>\d{1,9})_(?<checksum>[0-9a-z]{1,7})$/;
const WARNINGS_PER_READ = 100;

/**
 * Subscribes to the quota warnings of an account. The subscription never ends by itself. If a restore has removed the
 * warning of the cursor, the subscription begins again with the warnings of this month.
 * @param after the cursor of the last warning received; absent: the subscription begins with the warnings of this
 * month.
 * @throws BadUserInputError before the first warning.
 */
export async function subscribeToQuotaWarnings(
  deps: Pick<StreamDeps, 'db' | 'clock' | 'bus' | 'cursors'>,
  viewer: Viewer,
  { after }: { after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<QuotaWarningEvent>> {
  const { accountId } = viewer;
  const cursors = deps.cursors.forStream('quota', accountId, accountId);
  const start = after == null ? await findStart(deps, accountId) : readCursor(cursors, after);
  return subscribe(deps.bus, viewer, createQuotaStream(deps, accountId, cursors), start, signal);
}

/** Lists the warnings of a month, oldest first, with the same cursors as the subscription. */
export async function listWarningEvents(
  { db, cursors }: Pick<StreamDeps, 'db' | 'cursors'>,
  accountId: string,
  month: string,
): Promise<QuotaWarningEvent[]> {
  const warnings = await listWarningsOfMonth(db.read, accountId, month);
  const { write } = cursors.forStream('quota', accountId, accountId);
  return warnings.map((warning) => ({ ...warning, cursor: () => write(encodePosition(positionAt(warning))) }));
}

async function findStart({ db, clock }: Pick<StreamDeps, 'db' | 'clock'>, accountId: string): Promise<QuotaPosition> {
  // `last` is read first: then a warning written between the two reads comes after `last`, and the second read finds it
  // if it belongs to this month. In the other order, the subscription could skip it.
  const last = await findLastWarning(db.read, accountId);
  const [first] = await listWarningsOfMonth(db.read, accountId, monthOf(clock.now()));
  if (first === undefined) return positionAt(last);
  // Reads the warning before `first`, or `first` itself if the account has no earlier warning.
  const [previous] = await listWarnings(db.read, accountId, { after: first.number - 2, limit: 1 });
  return positionAt(previous?.number === first.number ? undefined : previous);
}

function readCursor(cursors: StreamCursors, after: string): QuotaPosition {
  const { number, checksum = '' } = cursors.read(after, CURSOR);
  return { number: Number(number), checksum: Number.parseInt(checksum, 36) };
}

function positionAt(warning: QuotaWarning | undefined): QuotaPosition {
  if (warning === undefined) return START;
  const { number, percent, at } = warning;
  const text = `${percent} ${at}`;
  return { number, checksum: checksumAt(text, text.length) };
}

const encodePosition = ({ number, checksum }: QuotaPosition): string => `${number}_${checksum.toString(36)}`;

function createQuotaStream(
  deps: Pick<StreamDeps, 'db' | 'clock'>,
  accountId: string,
  cursors: StreamCursors,
): EventStream<QuotaPosition, QuotaWarningEvent> {
  return {
    name: `quota:${accountId}`,
    topic: quotaTopic(accountId),
    cursors,
    encode: encodePosition,
    async read({ number, checksum }) {
      const limit = WARNINGS_PER_READ + 1;
      const warnings = await listWarnings(deps.db.read, accountId, { after: number - 1, limit });
      const last = positionAt(number === 0 ? undefined : warnings.shift());
      if (last.number !== number || last.checksum !== checksum)
        return { events: [], endPosition: await findStart(deps, accountId), next: 'read again' };
      return {
        events: warnings.map((warning) => ({ event: warning, position: positionAt(warning) })),
        next: warnings.length >= WARNINGS_PER_READ ? 'read again' : 'wait',
      };
    },
  };
}
