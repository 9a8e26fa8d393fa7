import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { createKeyring } from '../../src/access/keyring.ts';
import { createSignIn } from '../../src/access/oidc/sign-in.ts';
import { authenticate } from '../../src/access/viewer.ts';
import { createMemoryCoordination } from '../../src/coordination/coordination.ts';
import { createSingleIssuer } from '../../src/domain/sign-in/issuers.ts';
import { systemClock } from '../../src/domain/time.ts';
import { createFailureLog } from '../../src/failures.ts';
import { findFirstAccount } from '../../src/store/accounts.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { Benchmark } from '../benchmark.ts';
import { fillDatabase } from '../data.ts';

const ISSUER = 'https://login.example.com';
const AUDIENCE = 'chatgraph';
const CHECKS_PER_ROUND = 100_000;
const ADDRESS = '192.0.2.1';
/** The maximum ratio of the check of a token to that of an API key. */
const TARGET = 3;

/** The check of a token of an issuer, which the gateway has seen before, compared with that of an API key. */
export const credentials: Benchmark = {
  name: 'credentials',
  async run({ rounds, logProgress }) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    const { check, account, token, close } = await openAuthentication(`sqlite:${join(dir, 'chatgraph.db')}`);
    try {
      const costs: { readonly key: number[]; readonly token: number[] } = { key: [], token: [] };
      // The first round only warms up.
      for (let round = 0; round <= rounds; round++) {
        const [key, ofToken] = [await measure(check, account.key), await measure(check, token)];
        logProgress(`credentials: key ${key.toFixed(2)} µs, token ${ofToken.toFixed(2)} µs`);
        if (round === 0) continue;
        costs.key.push(key * 1_000);
        costs.token.push(ofToken * 1_000);
      }
      return [
        {
          quantity: '1,000 checks of a token of an issuer; baseline: of an API key',
          unit: 'µs',
          gateway: costs.token,
          baseline: costs.key,
          target: TARGET,
        },
      ];
    } finally {
      await close();
      await rm(dir, { recursive: true });
    }
  },
};

/** Opens what authentication needs, with an issuer in this process, and signs a token of a usual size. */
async function openAuthentication(url: string) {
  const account = await fillDatabase(url);
  const db = await openDatabase({ url, role: 'gateway', poolSize: 1 });
  const logger = pino({ level: 'silent' });
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const documents: Record<string, object> = {
    [`${ISSUER}/.well-known/openid-configuration`]: { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` },
    [`${ISSUER}/keys`]: { keys: [{ ...(await exportJWK(publicKey)), kid: '1', alg: 'RS256', use: 'sig' }] },
  };
  const fetch = async (address: unknown) => Response.json(documents[String(address)]);
  const { name = '' } = (await findFirstAccount(db.read)) ?? {};
  const issuers = [createSingleIssuer(ISSUER, AUDIENCE, name)];
  const keyring = createKeyring(
    db,
    systemClock,
    createFailureLog(logger, () => db.isReady()),
  );
  const signIn = createSignIn({ issuers, db, clock: systemClock, logger, fetch: fetch as typeof globalThis.fetch });
  const coordination = createMemoryCoordination(systemClock, logger);
  const config = { rateLimitPerMinute: 60, anonymousRequestsPerMinute: 600, authFailuresPerMinute: 30 };
  const sessionTokens = { verify: () => Promise.reject(new Error('No session token is measured.')) };
  const deps = { keyring, sessionTokens, signIn, limiter: coordination.limiter, config };
  const token = await new SignJWT({ name: 'Ada Lovelace', email: 'ada@example.com', scope: 'openid chatgraph:read' })
    .setProtectedHeader({ alg: 'RS256', kid: '1', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('0f8fad5b-d9cb-469f-a165-70867728950e')
    .setJti('7c9e6679-7425-40de-944b-e07fc1f90ae7')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  return {
    account,
    token,
    check: (credential: string) => authenticate(deps, { authorization: `Bearer ${credential}` }, ADDRESS),
    async close() {
      signIn.close();
      await keyring.close();
      await coordination.close();
      await db.close();
    },
  };
}

/** The microseconds of CPU time of one check. */
async function measure(check: (credential: string) => Promise<unknown>, credential: string): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < CHECKS_PER_ROUND; n++) await check(credential);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CHECKS_PER_ROUND;
}
