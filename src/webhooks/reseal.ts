import type { Logger } from 'pino';
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { resealRows } from '../store/reseal.ts';
import { listAllSealedParts, replaceSealedParts, type SealedParts } from '../store/webhooks/subscriptions.ts';
import { sealHeaders, sealSecret, unsealParts } from './sealed.ts';

/**
 * Seals webhook secrets and headers again with the newest sealing key. If a part of a subscription cannot be unsealed,
 * all its parts are left unchanged.
 */
export async function resealWebhooks({
  db,
  sealer,
  logger,
}: {
  db: Database;
  sealer: Sealer;
  logger: Logger;
}): Promise<void> {
  const counts = await resealRows(db, await listAllSealedParts(db.read), {
    isOutdated: ({ sealed: { sealedSecret, sealedOldSecret, sealedHeaders } }) =>
      [sealedSecret, sealedOldSecret, sealedHeaders].some((text) => text !== null && sealer.isOutdated(text)),
    reseal: (subscription) => reseal(sealer, subscription),
    replace: replaceSealedParts,
  });
  logger.info(counts, 're-encrypted webhook secrets');
}

function reseal(sealer: Sealer, { id, sealed }: { id: string; sealed: SealedParts }): SealedParts | undefined {
  const parts = unsealParts(sealer, id, sealed);
  return (
    parts && {
      sealedSecret: sealSecret(sealer, id, 'sealed_secret', parts.secret),
      sealedOldSecret: parts.oldSecret && sealSecret(sealer, id, 'sealed_old_secret', parts.oldSecret),
      oldSecretUntil: sealed.oldSecretUntil,
      sealedHeaders: sealHeaders(sealer, id, parts.headers),
    }
  );
}
