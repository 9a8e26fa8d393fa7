import type { Viewer } from '../access/viewer.ts';
import type { Feed } from '../domain/feed.ts';
import { monthOf } from '../domain/time.ts';
import type { QuotaWarning } from '../domain/usage.ts';
import { findLastWarningNumber, listWarnings, listWarningsOfMonth } from '../store/quota-warnings.ts';
import { decodeCursor, encodeCursor, notACursor } from './cursor.ts';
import { type FollowDeps, follow, type Story } from './follow.ts';
import { accountTopic } from './quota.ts';

/** A warning, with the place of a reader that was told it. */
export interface ToldWarning extends QuotaWarning {
  /** Opaque to clients, who give it back as `after`. */
  readonly cursor: string;
}

const CURSOR = /^q:(?<id>[0-9a-f-]{36}):(?<number>\d{1,9})$/;
const WARNINGS_PER_READ = 100;

/**
 * Follows the warnings of an account's quota for as long as it is listened to.
 * @param after the cursor of the last warning seen; absent begins with those of this month.
 * @throws BadUserInputError before the first warning.
 */
export async function followQuota(
  deps: Pick<FollowDeps, 'db' | 'clock' | 'bus'>,
  viewer: Viewer,
  { after }: { after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ToldWarning>> {
  const { accountId } = viewer;
  const start = after == null ? await findStart(deps, accountId) : await readCursor(deps, accountId, after);
  return follow(deps.bus, viewer, tellQuota(deps, accountId), start, signal);
}

/** The warnings of a month, oldest first, as those who follow them were told them. */
export async function listToldWarnings(
  { db }: Pick<FollowDeps, 'db'>,
  accountId: string,
  month: string,
): Promise<ToldWarning[]> {
  const warnings = await listWarningsOfMonth(db.read, accountId, month);
  return warnings.map((warning) => ({ ...warning, cursor: encodeCursor(describePlace(accountId, warning.number)) }));
}

async function findStart({ db, clock }: Pick<FollowDeps, 'db' | 'clock'>, accountId: string): Promise<number> {
  // In this order: one that is written in between is of the month, or comes after the last.
  const last = await findLastWarningNumber(db.read, accountId);
  const [first] = await listWarningsOfMonth(db.read, accountId, monthOf(clock.now()));
  return first === undefined ? last : first.number - 1;
}

async function readCursor({ db }: Pick<FollowDeps, 'db'>, accountId: string, after: string): Promise<number> {
  const { id, number } = decodeCursor(after, CURSOR);
  if (id !== accountId || Number(number) > (await findLastWarningNumber(db.read, accountId))) throw notACursor();
  return Number(number);
}

const describePlace = (accountId: string, number: number): string => `q:${accountId}:${number}`;

function tellQuota({ db }: Pick<FollowDeps, 'db'>, accountId: string): Story<number, ToldWarning> {
  return {
    topic: accountTopic(accountId),
    describe: (number) => describePlace(accountId, number),
    async read(after) {
      const warnings = await listWarnings(db.read, accountId, { after, limit: WARNINGS_PER_READ });
      return {
        steps: warnings.map((warning) => ({ event: warning, place: warning.number })),
        next: warnings.length === WARNINGS_PER_READ ? 'read on' : 'wait',
      };
    },
  };
}
