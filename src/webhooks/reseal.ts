import type { Logger } from 'pino';
import type { Sealer } from '../secrets.ts';
import type { Database } from '../store/database.ts';
import { listAllSealedParts, replaceSealedParts, type SealedParts } from '../store/webhook-subscriptions.ts';
import { sealHeaders, sealSecret, unsealParts } from './sealed.ts';

/** Seals with the newest key what an earlier one has sealed of subscriptions. What nobody can unseal stays as it is. */
export async function resealWebhooks({
  db,
  sealer,
  logger,
}: {
  db: Database;
  sealer: Sealer;
  logger: Logger;
}): Promise<void> {
  const all = await listAllSealedParts(db.read);
  const outdated = all.filter(({ sealed: { sealedSecret, sealedOldSecret, sealedHeaders } }) =>
    [sealedSecret, sealedOldSecret, sealedHeaders].some((text) => text !== null && sealer.isOutdated(text)),
  );
  const readable = outdated.flatMap((subscription) => {
    const parts = reseal(sealer, subscription);
    return parts ? [{ subscription, parts }] : [];
  });
  await db.transaction(async (trx) => {
    for (const { subscription, parts } of readable) await replaceSealedParts(trx, subscription, parts);
  });
  logger.info({ sealed: readable.length, lost: outdated.length - readable.length }, 'sealed webhooks anew');
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
