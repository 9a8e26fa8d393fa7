import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import { onTestFinished } from 'vitest';

/** An OpenID Connect server on loopback. */
export interface OidcServer {
  readonly issuer: string;
  /** Gets a token for a person, with these claims besides the standard ones. */
  signIn(subject: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Replaces the signing keys: the server no longer has the old ones. */
  rotateKeys(): Promise<void>;
}

/** The audience of the tokens. */
export const AUDIENCE = 'urn:example:chatgraph';
const SECRET = 'secret';

/** Starts a server whose people are clients of their own: the client credentials grant needs no browser. */
export async function startOidcServer(subjects: readonly string[]): Promise<OidcServer> {
  const claimsBySubject = new Map<string, Readonly<Record<string, unknown>>>();
  let handle: ReturnType<Provider['callback']> | undefined;
  const server = createServer((request, response) => void handle?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function rotateKeys(): Promise<void> {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const configuration: Configuration = {
      clients: subjects.map((client_id) => ({
        client_id,
        client_secret: SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
      ttl: { ClientCredentials: 600 },
      cookies: { keys: ['a key for the tests'] },
      jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
      extraTokenClaims: (_context, token) => ({ ...claimsBySubject.get(token.clientId ?? '') }),
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => AUDIENCE,
          getResourceServerInfo: () => ({
            scope: '',
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    };
    handle = new Provider(issuer, configuration).callback();
  }

  await rotateKeys();
  return {
    issuer,
    rotateKeys,
    async signIn(subject, claims = {}) {
      claimsBySubject.set(subject, claims);
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${subject}:${SECRET}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      const body = (await response.json()) as { access_token?: string };
      if (body.access_token === undefined) throw new Error(JSON.stringify(body));
      return body.access_token;
    },
  };
}
