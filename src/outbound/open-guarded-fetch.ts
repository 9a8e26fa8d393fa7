import type { ProxySettings } from '../domain/proxies.ts';
import { createAddressRules } from './addresses.ts';
import { createGuardedFetch } from './guarded-fetch.ts';
import { createResolve } from './resolve.ts';

/** The settings of the operator for requests to addresses that come from accounts. */
interface OutboundSettings {
  /** Addresses and ranges that are allowed besides public ones. */
  readonly allowedAddresses: readonly string[];
  readonly proxies: ProxySettings;
}

/** Opens the `fetch` for addresses that come from accounts: see `createGuardedFetch`. */
export function openGuardedFetch({ allowedAddresses, proxies }: OutboundSettings): typeof globalThis.fetch {
  return createGuardedFetch(createAddressRules(allowedAddresses), createResolve(), proxies);
}
