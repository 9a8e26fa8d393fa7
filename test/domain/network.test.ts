import { expect, it } from 'vitest';
import { networkOf } from '../../src/domain/network.ts';

it.each([
  ['an IPv4 address', '192.0.2.7', '192.0.2.7'],
  ['IPv4 written as IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
  ['an IPv6 address', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['a short IPv6 address in capitals', '2001:DB8::1', '2001:db8:0:0::/64'],
  ['an IPv6 address with a zone', 'fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['the IPv6 loopback', '::1', '0:0:0:0::/64'],
  ['a text that is not an address', 'unknown', 'unknown'],
  ['an empty text', '', ''],
])('names the network of %s', (_name, address, network) => {
  expect(networkOf(address)).toBe(network);
});
