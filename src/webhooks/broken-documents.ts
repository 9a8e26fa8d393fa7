import type { Deps } from '../deps.ts';
import { listDocuments } from '../store/webhooks/subscriptions.ts';

/** Tells the operator of stored documents that a change of the schema has broken: their endpoints are sent default bodies. */
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
      'the document of a webhook subscription is broken; it is sent default bodies',
    );
  }
}
