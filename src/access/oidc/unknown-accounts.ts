import type { Logger } from 'pino';
import type { OidcIssuer } from '../../domain/sign-in/issuers.ts';
import { findAccountByIdOrName } from '../../store/accounts.ts';
import type { Database } from '../../store/database.ts';

/** Logs the accounts of issuers that do not exist: nobody can sign in to them, and tokens are refused without a reason. */
export async function logUnknownAccounts({
  config,
  db,
  logger,
}: {
  readonly config: { readonly oidcIssuers: readonly OidcIssuer[] };
  readonly db: Database;
  readonly logger: Pick<Logger, 'warn'>;
}): Promise<void> {
  for (const { issuer, accounts } of config.oidcIssuers) {
    for (const account of accounts) {
      if ((await findAccountByIdOrName(db.read, account)) !== undefined) continue;
      logger.warn({ issuer, account }, 'the account of an issuer does not exist');
    }
  }
}
