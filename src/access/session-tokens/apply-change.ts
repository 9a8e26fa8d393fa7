import type { Announcements } from '../../coordination/announcements.ts';
import type { SessionTokens } from './session-tokens.ts';

/**
 * Puts a committed change of what ends sessions, or of the public origins, in force: at once in this process, and within
 * 2 seconds in the others.
 */
export async function applyAccessChange({
  announcements,
  sessionTokens,
}: {
  readonly announcements: Pick<Announcements, 'announce'>;
  readonly sessionTokens: Pick<SessionTokens, 'refresh'>;
}): Promise<void> {
  announcements.announce('sessions', '');
  await sessionTokens.refresh();
}
