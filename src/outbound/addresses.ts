import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/** Which addresses may be reached where somebody else than the operator names them. */
export interface AddressRules {
  /** Whether an IP address may be reached on a port: a public one on the usual ports, an allowed one on any. */
  mayReach(address: string, port: number): boolean;
  /** Whether the operator allows addresses besides public ones, so that a port alone refuses nothing. */
  readonly hasAllowed: boolean;
}

/** The ports of public servers. */
export const USUAL_PORTS: readonly number[] = [80, 443, 8080, 8443];

/**
 * Makes the rules.
 * @param allowed addresses and ranges such as `10.0.0.0/8` that may be reached besides public ones.
 */
export function createAddressRules(allowed: readonly string[]): AddressRules {
  const isAllowed = proxyAddr.compile([...allowed]);
  return {
    hasAllowed: allowed.length > 0,
    mayReach(address, port) {
      if (isIP(address) === 0) return false;
      return isAllowed(address, 0) || (USUAL_PORTS.includes(port) && isPublic(address));
    },
  };
}

/** What may be reached of IPv6 at all: all that was ever given out. */
const GIVEN_OUT = ipaddr.parseCIDR('2000::/3');

/** What looks public and is not: of a cloud's own, for translation and tunnels, for examples. */
const INNER = [
  ...['168.63.129.16/32', '192.0.0.0/24', '192.88.99.0/24'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ...['5f00::/16', 'fec0::/10'],
].map((range) => ipaddr.parseCIDR(range));

/** Whether an IP address, in the form that `isIP` knows, belongs to the public internet. IPv4 inside of IPv6 counts as IPv4. */
export function isPublic(text: string): boolean {
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && ipaddr.subnetMatch(address, { givenOut: [GIVEN_OUT] }, 'none') === 'none')
    return false;
  return ipaddr.subnetMatch(address, { inner: INNER }, 'public') === 'public';
}
