import { describe, expect, it } from 'vitest';
import { createAddressRules } from '../../src/outbound/addresses.ts';
import { AddressRefusedError, checkUrl, NOT_PUBLIC, selectAddresses } from '../../src/outbound/guard.ts';
import { createGuardedFetch } from '../../src/outbound/guarded-fetch.ts';
import { HOSTILE_URLS, INTERNAL_ADDRESSES, PUBLIC_URLS } from './hostile-urls.ts';

const PUBLIC_ADDRESSES = ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'];
const rules = createAddressRules([]);

describe('a URL from a client', () => {
  it.each(HOSTILE_URLS)('is rejected with a reason: %j', async (url) => {
    expect(() => checkUrl(url, rules)).toThrow(AddressRefusedError);
    expect(() => checkUrl(url, rules)).toThrow(/^(Must|The port must) .+\.$/);
    const guardedFetch = createGuardedFetch(rules, async () => PUBLIC_ADDRESSES);
    await expect(guardedFetch(url)).rejects.toThrow(AddressRefusedError);
  });

  it.each(PUBLIC_URLS)('is allowed: %s', (url) => {
    expect(checkUrl(url, rules).href).toBe(new URL(url).href);
  });
});

describe('the addresses that a name resolves to', () => {
  it.each(INTERNAL_ADDRESSES)('are rejected, alone or beside public addresses: %s', async (address) => {
    for (const answer of [[address], [...PUBLIC_ADDRESSES, address], [address, ...PUBLIC_ADDRESSES]]) {
      const guardedFetch = createGuardedFetch(rules, async () => answer);
      await expect(guardedFetch('https://models.example.com/v1')).rejects.toThrow(AddressRefusedError);
    }
  });

  it('are rejected if the list is empty', async () => {
    const guardedFetch = createGuardedFetch(rules, async () => []);
    await expect(guardedFetch('https://models.example.com/v1')).rejects.toThrow(AddressRefusedError);
  });

  it('are not revealed to the client', async () => {
    const guardedFetch = createGuardedFetch(rules, async () => ['10.1.2.3']);
    await expect(guardedFetch('https://models.example.com/v1')).rejects.toThrow(NOT_PUBLIC);
  });
});

describe('a refusal', () => {
  it.each([
    'http://127.0.0.1:9000/',
    'http://[::1]/',
    'http://localhost/',
    'http://ollama:11434/',
    'http://wiki.corp/',
  ])('of %s names the setting and the command that help', (url) => {
    expect(() => checkUrl(url, rules)).toThrow('SSRF_ALLOW_CIDRS');
    expect(() => checkUrl(url, rules)).toThrow('`webhooks listen`');
  });

  it.each(['http://8.8.8.8:9000/', 'http://models.example.com:9000/'])('of %s names only the ports', (url) => {
    expect(() => checkUrl(url, rules)).toThrow(/^The port must be one of 80, 443, 8080, 8443\.$/);
  });
});

describe("the operator's allowed ranges", () => {
  const operatorRules = createAddressRules(['10.0.0.0/8', '127.0.0.1', 'fd12::/16']);

  it.each([
    'http://127.0.0.1:11434/v1',
    'http://10.1.2.3/',
    'http://[fd12::1]:9000/',
    'http://[::ffff:10.0.0.1]:9000/',
    'http://ollama.example.com:11434/v1',
    'https://api.openai.com/v1',
  ])('allow %s', (url) => {
    expect(checkUrl(url, operatorRules).href).toBe(new URL(url).href);
  });

  it.each([
    'http://127.0.0.2:11434/',
    'http://11.0.0.1:11434/',
    'http://192.168.0.1/',
    'http://[fd13::1]/',
    'http://user@10.1.2.3/',
  ])('do not allow %s', (url) => {
    expect(() => checkUrl(url, operatorRules)).toThrow(AddressRefusedError);
  });

  it.each(['http://localhost:11434/', 'http://db.localhost/', 'http://ollama:11434/', 'http://models.corp:9000/v1'])(
    'let the name of %s be resolved, which is refused without them',
    (url) => {
      expect(checkUrl(url, operatorRules).href).toBe(url);
      expect(() => checkUrl(url, rules)).toThrow(NOT_PUBLIC);
    },
  );

  it('let a loopback name be resolved only if they contain a loopback address', () => {
    for (const range of ['127.0.0.0/8', '::1', '127.0.0.1'])
      expect(checkUrl('http://localhost:1/', createAddressRules([range])).port).toBe('1');
    for (const name of ['localhost', 'db.localhost'])
      expect(() => checkUrl(`http://${name}:1/`, createAddressRules(['10.0.0.0/8']))).toThrow(NOT_PUBLIC);
  });

  it.each(['localhost', 'db.localhost', 'ollama'])('select the allowed addresses of %s', (name) => {
    const url = new URL(`http://${name}:11434/`);
    expect(selectAddresses(url, ['::1', '127.0.0.1', '8.8.8.8', '127.0.0.2'], operatorRules)).toEqual(['127.0.0.1']);
    for (const answer of [[], ['::1'], ['8.8.8.8'], ['192.168.0.1', '127.0.0.2']])
      expect(() => selectAddresses(url, answer, operatorRules)).toThrow(NOT_PUBLIC);
  });

  it.each(['8.8.8.8', '2606:4700::1111', 'fd12::1', '10.1.2.3'])(
    'select the address %s, which a URL contains',
    (address) => {
      const url = new URL(`https://${address.includes(':') ? `[${address}]` : address}/`);
      expect(selectAddresses(url, [address], operatorRules)).toEqual([address]);
    },
  );

  it.each(['models.corp', 'ollama.internal', 'models.example.com'])(
    'refuse %s if one of its addresses is neither public nor allowed',
    (name) => {
      const url = new URL(`https://${name}/`);
      const allowed = ['8.8.8.8', '10.1.2.3', 'fd12::1'];
      expect(selectAddresses(url, allowed, operatorRules)).toEqual(allowed);
      for (const answer of [[], ['127.0.0.2'], ['10.1.2.3', '192.168.0.1'], ['8.8.8.8', '::1']])
        expect(() => selectAddresses(url, answer, operatorRules)).toThrow(NOT_PUBLIC);
      expect(() => selectAddresses(new URL(`http://${name}:11434/`), ['8.8.8.8'], operatorRules)).toThrow(NOT_PUBLIC);
    },
  );

  it('allow any port, while public addresses allow only the usual ports', () => {
    expect(operatorRules.mayReach('10.1.2.3', 11_434)).toBe(true);
    expect(operatorRules.mayReach('8.8.8.8', 443)).toBe(true);
    expect(operatorRules.mayReach('8.8.8.8', 11_434)).toBe(false);
    expect(operatorRules.mayReach('169.254.169.254', 80)).toBe(false);
  });
});
