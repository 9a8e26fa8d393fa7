import { describe, expect, it } from 'vitest';
import { findProxy, parseNoProxy, parseProxyUrl } from '../../src/domain/proxies.ts';

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`;

describe('parseProxyUrl', () => {
  it.each([
    ['http://proxy.example:3128', 'http://proxy.example:3128', undefined],
    ['https://proxy.example', 'https://proxy.example', undefined],
    ['proxy.example:3128', 'http://proxy.example:3128', undefined],
    ['HTTP://Proxy.Example:3128/', 'http://proxy.example:3128', undefined],
    ['http://[::1]:3128', 'http://[::1]:3128', undefined],
    ['http://me:secret@10.0.0.1:3128', 'http://10.0.0.1:3128', basic('me:secret')],
    ['me:secret@proxy.example:3128', 'http://proxy.example:3128', basic('me:secret')],
    ['http://me%40work:p%40%3A%2F%25s@proxy.example', 'http://proxy.example', basic('me@work:p@:/%s')],
    ['http://me:p@ss@proxy.example', 'http://proxy.example', basic('me:p@ss')],
    ['http://DOMAIN%5Cme:secret@proxy.example', 'http://proxy.example', basic('DOMAIN\\me:secret')],
    ['http://me@proxy.example', 'http://proxy.example', basic('me:')],
    ['http://:secret@proxy.example', 'http://proxy.example', basic(':secret')],
  ])('accepts %s', (text, origin, authorization) => {
    expect(parseProxyUrl(text)).toEqual({ origin, authorization });
  });

  it.each([
    '',
    'http://',
    'http://:3128',
    'socks5://proxy.example:1080',
    'ftp://proxy.example',
    'http://proxy.example:99999',
    'http://proxy.example:port',
    'http://proxy.example/pac',
    'http://proxy.example?x',
    'http://me:50%off@proxy.example',
    'http://me:12/34@proxy.example',
    'http://me:12#34@proxy.example',
    'http://me:12?34@proxy.example',
    'http://proxy .example',
    'proxy.example:3128,other.example:3128',
  ])('refuses %j', (text) => {
    expect(parseProxyUrl(text)).toBeUndefined();
  });
});

describe('parseNoProxy', () => {
  it.each([
    ['*', 'https://models.example.com/', 'http://10.0.0.1/', 'http://[::1]:8080/'],
    ['a.test, *', 'https://models.example.com/'],
    ['example.com', 'http://example.com/', 'https://a.b.example.com:8443/', 'http://EXAMPLE.com./'],
    ['.example.com', 'http://example.com/', 'https://models.example.com/'],
    ['*.example.com', 'http://example.com/', 'https://models.example.com/'],
    ['Example.COM.', 'http://example.com/'],
    ['a.test,,b.test example.com', 'http://a.test/', 'http://b.test/', 'http://example.com/'],
    ['bücher.example', 'https://www.bücher.example/', 'https://xn--bcher-kva.example/'],
    ['ollama', 'http://ollama:11434/'],
    ['localhost', 'http://localhost:4000/', 'http://db.localhost/'],
    ['.svc,.cluster.local', 'http://ollama.models.svc/', 'http://ollama.models.svc.cluster.local/'],
    ['example.com:8443', 'https://models.example.com:8443/'],
    ['example.com:443', 'https://models.example.com/'],
    ['example.com:80', 'http://example.com/'],
    ['10.1.2.3', 'http://10.1.2.3:9000/', 'http://[::ffff:10.1.2.3]/', 'http://0xa010203/'],
    ['10.1.2.3:80', 'http://10.1.2.3/'],
    ['::1', 'http://[::1]:4000/', 'http://[0:0::1]/'],
    ['[::1]', 'http://[::1]:4000/'],
    ['[FD12::1]:4000', 'http://[fd12::1]:4000/'],
    ['10.0.0.0/8', 'http://10.255.0.1/', 'http://[::ffff:10.0.0.1]/'],
    ['10.1.2.3/8', 'http://10.9.9.9/'],
    ['0.0.0.0/0', 'http://8.8.8.8/'],
    ['fd00::/8', 'http://[fd12::1]/'],
    ['[fd00::]/8', 'http://[fd12::1]/'],
  ])('%s matches', (list, ...urls) => {
    const isDirect = parseNoProxy(list);
    expect(urls.filter((url) => isDirect?.(new URL(url)) !== true)).toEqual([]);
  });

  it.each([
    ['', 'https://models.example.com/'],
    ['example.com', 'https://notexample.com/', 'https://example.com.test/', 'https://com/'],
    ['.example.com', 'https://notexample.com/'],
    ['example.com:8443', 'https://example.com/', 'http://example.com:8080/'],
    ['example.com:80', 'https://example.com/'],
    ['10.1.2.3', 'http://10.1.2.30/', 'http://110.1.2.3/', 'http://10.1.2.3.example/'],
    ['10.0.0.0/8', 'http://11.0.0.1/', 'http://10.example/', 'http://[fd12::1]/', 'http://[a00::1]/'],
    ['fd00::/8', 'http://[fe00::1]/', 'http://10.0.0.1/'],
    ['0.0.0.0/0', 'http://[2606::1]/', 'https://models.example.com/'],
    ['127.0.0.1', 'http://localhost/'],
    ['::1', 'http://[::2]/', 'http://0.0.0.1/'],
  ])('%s does not match', (list, ...urls) => {
    const isDirect = parseNoProxy(list);
    expect(urls.filter((url) => isDirect?.(new URL(url)) !== false)).toEqual([]);
  });

  it.each([
    'http://example.com',
    'example.com:99999',
    'example.com:x',
    '192.168.*',
    'exa*mple.com',
    '*example.com',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    'example.com/8',
    '10.0.0.0/8:80',
    '[example.com]',
    '[::1',
    '::1::',
    '.',
    '..example.com',
    '<local>',
    'me:secret@example.com',
  ])('refuses %j, alone or beside a valid entry', (entry) => {
    expect(parseNoProxy(entry)).toBeUndefined();
    expect(parseNoProxy(`example.com,${entry}`)).toBeUndefined();
  });
});

it('findProxy selects the proxy by the scheme, unless the request goes directly', () => {
  const [http, https] = ['http://one.example', 'http://two.example'].map(parseProxyUrl);
  const isDirect = parseNoProxy('example.com');
  expect(findProxy({ http, https, isDirect }, new URL('http://models.test/'))).toBe(http);
  expect(findProxy({ http, https, isDirect }, new URL('https://models.test/'))).toBe(https);
  expect(findProxy({ http }, new URL('https://models.test/'))).toBeUndefined();
  expect(findProxy({ https }, new URL('http://models.test/'))).toBeUndefined();
  expect(findProxy({ http, https, isDirect }, new URL('https://example.com/'))).toBeUndefined();
});
