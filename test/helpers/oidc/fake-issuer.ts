import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { onTestFinished } from 'vitest';

/** A pair of keys for signatures, with its id. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An issuer whose answers and tokens a test chooses. */
export interface FakeIssuer {
  readonly issuer: string;
  readonly key: SigningKey;
  /** The number of requests for the discovery document. */
  readonly readCount: number;
  /** Replaces the answer of a path; undefined restores it. */
  answer(path: string, handler: ((request: IncomingMessage, response: ServerResponse) => void) | undefined): void;
  /** Replaces the keys of the issuer. */
  setKeys(keys: readonly SigningKey[]): void;
  /** Signs a valid token of the person `ada`, except for the given claims and header. */
  sign(
    claims?: Readonly<Record<string, unknown>>,
    options?: { readonly key?: SigningKey; readonly header?: object },
  ): Promise<string>;
}

/** The audience of the tokens. */
export const AUDIENCE = 'chatgraph';
/** The path of the discovery document. */
export const DISCOVERY_PATH = '/.well-known/openid-configuration';
/** The path of the key set. */
export const KEYS_PATH = '/keys';

/** Generates a pair of keys. */
export async function createSigningKey(alg = 'ES256', kid: string = crypto.randomUUID()): Promise<SigningKey> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

/** Starts an issuer on loopback. @param now the wall clock of the tokens, in milliseconds. */
export async function startFakeIssuer(now: () => number = Date.now): Promise<FakeIssuer> {
  const key = await createSigningKey();
  let keys: readonly SigningKey[] = [key];
  let readCount = 0;
  const handlers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  const server = createServer(async (request, response) => {
    const { url = '' } = request;
    if (url === DISCOVERY_PATH) readCount++;
    const handler = handlers.get(url);
    if (handler) return handler(request, response);
    if (url === DISCOVERY_PATH) return response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}${KEYS_PATH}` }));
    if (url !== KEYS_PATH) return response.writeHead(404).end();
    const jwks = await Promise.all(
      keys.map(async ({ publicKey, kid, alg }) => ({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' })),
    );
    return response.end(JSON.stringify({ keys: jwks }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    issuer,
    key,
    get readCount() {
      return readCount;
    },
    answer(path, handler) {
      if (handler) handlers.set(path, handler);
      else handlers.delete(path);
    },
    setKeys(newKeys) {
      keys = newKeys;
    },
    sign(claims = {}, { key: signingKey = key, header = {} } = {}) {
      const { alg, kid, privateKey } = signingKey;
      const seconds = Math.floor(now() / 1_000);
      const payload = { iss: issuer, aud: AUDIENCE, sub: 'ada', iat: seconds, exp: seconds + 600, ...claims };
      // A claim that is undefined is left out.
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey);
    },
  };
}

/** The settings of a gateway whose people sign in with tokens of an issuer. */
export const settingsFor = ({ issuer }: Pick<FakeIssuer, 'issuer'>, account: string) => ({
  OIDC_ISSUER: issuer,
  OIDC_AUDIENCE: AUDIENCE,
  OIDC_ACCOUNT: account,
});
