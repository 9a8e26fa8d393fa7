import { fromJson, type JsonText, toJson } from '../domain/json.ts';
import type { Sealer } from '../secrets.ts';
import type { SealedParts } from '../store/webhooks/subscriptions.ts';

const PURPOSE = 'webhook';
const TABLE = 'webhook_subscriptions';

type Column = 'sealed_secret' | 'sealed_old_secret' | 'sealed_headers';

const locationOf = (subscriptionId: string, column: Column) => ({ table: TABLE, row: subscriptionId, column });

/** Seals the current or the old secret of a subscription. A sealed text can be unsealed for its own column only. */
export function sealSecret(
  sealer: Sealer,
  subscriptionId: string,
  column: Exclude<Column, 'sealed_headers'>,
  secret: string,
): string {
  return sealer.seal(PURPOSE, locationOf(subscriptionId, column), secret);
}

/** Seals the custom headers of a subscription; null when there are none. */
export function sealHeaders(
  sealer: Sealer,
  subscriptionId: string,
  headers: Readonly<Record<string, string>>,
): string | null {
  if (Object.keys(headers).length === 0) return null;
  return sealer.seal(PURPOSE, locationOf(subscriptionId, 'sealed_headers'), toJson(headers));
}

/** A subscription's secrets and custom headers in plain text. */
export interface UnsealedParts {
  readonly secret: string;
  /** The previous secret, whether or not it is still valid; null when there is none. */
  readonly oldSecret: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Unseals a subscription's secrets and headers; undefined when one of them cannot be unsealed. */
export function unsealParts(sealer: Sealer, subscriptionId: string, sealed: SealedParts): UnsealedParts | undefined {
  const unseal = (column: Column, text: string | null) =>
    text === null ? null : sealer.unseal(PURPOSE, locationOf(subscriptionId, column), text);
  const secret = unseal('sealed_secret', sealed.sealedSecret);
  const oldSecret = unseal('sealed_old_secret', sealed.sealedOldSecret);
  const headers = unseal('sealed_headers', sealed.sealedHeaders);
  if (typeof secret !== 'string' || oldSecret === undefined || headers === undefined) return undefined;
  return { secret, oldSecret, headers: headers === null ? {} : fromJson(headers as JsonText) };
}

/** Lists the names of a subscription's custom headers; none when they cannot be unsealed. */
export function readHeaderNames(sealer: Sealer, subscriptionId: string, sealed: string | null): string[] {
  const text = sealed && sealer.unseal(PURPOSE, locationOf(subscriptionId, 'sealed_headers'), sealed);
  return text ? Object.keys(fromJson<object>(text as JsonText)) : [];
}
