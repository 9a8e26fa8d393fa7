import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import proxyAddr from 'proxy-addr';

/** The addresses that the gateway may connect to when a client, not the operator, specifies them. */
export interface AddressRules {
  /** Whether the gateway may connect: to a public address on the usual ports, to an allowed address on any port. */
  mayReach(address: string, port: number): boolean;
  /** Whether the operator allows an address, public or not. */
  isAllowed(address: string): boolean;
  /** Whether the operator allows any addresses; if so, no URL is refused for its port or an internal name alone. */
  readonly hasAllowed: boolean;
}

/** The ports of public servers. */
export const USUAL_PORTS: readonly number[] = [80, 443, 8080, 8443];

/**
 * Creates the rules.
 * @param allowed addresses and ranges such as `10.0.0.0/8` that are allowed besides public ones.
 */
export function createAddressRules(allowed: readonly string[]): AddressRules {
  const isInRanges = proxyAddr.compile([...allowed]);
  const isAllowed = (address: string) => isIP(address) !== 0 && isInRanges(address, 0);
  return {
    isAllowed,
    hasAllowed: allowed.length > 0,
    mayReach: (address, port) =>
      isAllowed(address) || (USUAL_PORTS.includes(port) && isIP(address) !== 0 && isPublic(address)),
  };
}

/** The allocated range of IPv6; no other IPv6 address is public. */
const ALLOCATED = ipaddr.parseCIDR('2000::/3');

/** Ranges that look public but are not: internal cloud services, translation, tunnels, documentation. */
const RESERVED = [
  ...['168.63.129.16/32', '192.0.0.0/24', '192.88.99.0/24'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
  ...['5f00::/16', 'fec0::/10'],
].map((range) => ipaddr.parseCIDR(range));

/** Whether an IP address that `isIP` accepts belongs to the public internet. IPv4 inside IPv6 counts as IPv4. */
export function isPublic(text: string): boolean {
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && ipaddr.subnetMatch(address, { allocated: [ALLOCATED] }, 'none') === 'none')
    return false;
  return ipaddr.subnetMatch(address, { reserved: RESERVED }, 'public') === 'public';
}
