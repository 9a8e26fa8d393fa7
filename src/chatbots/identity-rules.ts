import { isIP } from 'node:net';
import { z } from 'zod';
import { hostOf } from '../domain/network.ts';
import { type AddressRules, createAddressRules } from '../outbound/addresses.ts';
import { AddressRefusedError, checkUrl } from '../outbound/guard.ts';

/** The settings by which the visitors of a chatbot are identified, as an owner changes them. An absent field keeps its value. */
export interface IdentityInput {
  readonly isRequired?: boolean | null | undefined;
  /** Null removes the address. */
  readonly jwksUrl?: string | null | undefined;
}

const MAX_URL_LENGTH = 2_000;

/** Creates the rules of `IdentityInput`. @param allowedAddresses the networks that the operator allows. */
export function identityRules(allowedAddresses: readonly string[]) {
  const addresses = createAddressRules(allowedAddresses);
  return z.object({
    isRequired: z.boolean().optional(),
    jwksUrl: z
      .string()
      .max(MAX_URL_LENGTH, `Must have at most ${MAX_URL_LENGTH} characters.`)
      .transform((url, context) => {
        try {
          return checkEncrypted(checkUrl(url.trim(), addresses), addresses).href;
        } catch (error) {
          if (!(error instanceof AddressRefusedError)) throw error;
          context.addIssue({ code: 'custom', message: error.message });
          return z.NEVER;
        }
      })
      .nullish(),
  });
}

/** Whoever can change the answer chooses who the visitors are. */
function checkEncrypted(url: URL, addresses: AddressRules): URL {
  const host = hostOf(url);
  if (url.protocol === 'https:' || (isIP(host) !== 0 && addresses.isAllowed(host))) return url;
  throw new AddressRefusedError('Must begin with https://.');
}
