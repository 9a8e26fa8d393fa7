import { isIP } from 'node:net';
import { type AddressRules, USUAL_PORTS } from './addresses.ts';

/** An address that is not reached for somebody else than the operator. The message tells whoever named it why. */
export class AddressRefusedError extends Error {}

/** An answer that leads elsewhere, which is not followed. */
export class RedirectRefusedError extends AddressRefusedError {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super('Must not lead to another address.');
    this.statusCode = statusCode;
  }
}

/** Two labels at least, as they are after parsing: lower case, other alphabets as `xn--`. */
const NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const INNER_NAME = /\.(?:localhost|local|internal|intranet|lan|home|corp)$/;

/** What is refused where nobody is told more: whether an inner name or address exists is not for others to know. */
export const NOT_PUBLIC = 'Must be on the public internet.';

/**
 * Checks a URL that somebody else than the operator named, as far as its text tells. Where it names a server and no IP
 * address, what the name leads to is still to be checked.
 * @throws AddressRefusedError
 */
export function checkUrl(text: string, rules: AddressRules): URL {
  // What parsers read in their own ways is refused before one reads it.
  const authority = /^https?:\/\/(?<authority>[^/?#]+)/i.exec(text)?.groups?.authority;
  if (authority === undefined) throw new AddressRefusedError('Must begin with https:// or http:// and name a server.');
  if (/[\s\p{Cc}]/u.test(text)) throw new AddressRefusedError('Must not contain spaces or line breaks.');
  if (/[@\\%]/.test(authority)) {
    throw new AddressRefusedError(
      'Must name the server alone, with no user name, no password and none of @, \\ and %.',
    );
  }
  if (!URL.canParse(text)) throw new AddressRefusedError('Must be an address such as https://models.example.com/v1.');
  const url = new URL(text);
  const [host, port] = [hostOf(url), portOf(url)];
  if (isIP(host) !== 0) {
    if (!rules.mayReach(host, port)) throw new AddressRefusedError(`${NOT_PUBLIC} ${PORTS}`);
  } else if (!NAME.test(host) || INNER_NAME.test(host)) {
    throw new AddressRefusedError(NOT_PUBLIC);
  } else if (!USUAL_PORTS.includes(port) && !rules.hasAllowed) {
    throw new AddressRefusedError(PORTS);
  }
  return url;
}

const PORTS = `The port must be one of ${USUAL_PORTS.join(', ')}.`;

/** The name or IP address that a URL leads to, that of IPv6 without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** The port that a URL leads to. */
export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}
