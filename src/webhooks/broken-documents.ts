import type { Deps } from '../deps.ts';
import { listDocuments } from '../store/webhooks/subscriptions.ts';

/** Logs the stored documents that a schema change has broken. Their endpoints get default bodies. */
export async function logBrokenDocuments({
  db,
  logger,
  selections,
}: Pick<Deps, 'db' | 'logger' | 'selections'>): Promise<void> {
  for (const { id, accountId, document } of await listDocuments(db.read)) {
    const problem = selections.findProblem(document);
    if (problem === undefined) continue;
    logger.warn(
      { account: accountId, subscription: id, problem },
      'the document of a webhook subscription is broken; its endpoint gets default bodies',
    );
  }
}
