/** The part of the package that tests use; it brings no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Configuration {
    readonly clients: readonly object[];
    readonly ttl: Readonly<Record<string, number>>;
    readonly cookies: { readonly keys: readonly string[] };
    readonly jwks: { readonly keys: readonly object[] };
    readonly extraTokenClaims: (context: unknown, token: { readonly clientId?: string }) => object;
    readonly features: Readonly<Record<string, object>>;
  }

  // biome-ignore lint/style/noDefaultExport: the package has no other export.
  export default class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
}
