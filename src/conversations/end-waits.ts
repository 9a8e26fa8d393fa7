import type { Deps } from '../deps.ts';
import { toTimestamp } from '../domain/time.ts';
import { endWaits } from '../store/inbox/waits.ts';

const INTERVAL_MS = 60_000;

/**
 * Every minute, takes conversations out of the order of those that wait if the silence of their chatbots has ended: the
 * chatbot answers again, and no person is expected to. Until then, lists leave them out as they read them.
 * @returns a function that stops the timer.
 */
export function startEndingWaits({ db, clock, background }: Pick<Deps, 'db' | 'clock' | 'background'>): () => void {
  const end = () => background.run('end waits', (signal) => endWaits(db, toTimestamp(clock.now()), signal));
  end();
  const timer = setInterval(end, INTERVAL_MS);
  return () => clearInterval(timer);
}
