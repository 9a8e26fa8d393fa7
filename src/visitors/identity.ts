import { randomBytes, randomUUID } from 'node:crypto';
import { decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload, jwtVerify } from 'jose';
import { IssuerUnavailableError } from '../access/oidc/issuer-unavailable.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Chatbot } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { idStartAt, parseId } from '../domain/ids.ts';
import { parseInput } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import type { VisitorDetails } from '../domain/visitors/visitors.ts';
import { lockChatbot } from '../store/chatbots.ts';
import { resealRows } from '../store/reseal.ts';
import {
  type IdentitySecret,
  insertIdentitySecret,
  listAllIdentitySecrets,
  listIdentitySecrets,
  replaceSealedIdentity,
} from '../store/visitors/identity-secrets.ts';
import { toDetails } from './visitor-details.ts';
import { visitorRules } from './visitor-of-send.ts';

/** A visitor whom a server of the account has signed. */
export interface SignedIdentity {
  readonly externalId: string;
  readonly details: VisitorDetails;
}

const SECRET_BYTES = 32;
const ENDING_CHARS = 4;
const MAX_CHARS = 8_000;
/** Signatures that only the owner of a private key can make. */
const PUBLIC_ALGORITHMS: readonly string[] = ['RS256', 'ES256'];

/** The dependencies of the verification of identities. */
export type IdentityDeps = Pick<Deps, 'db' | 'clock' | 'sealer' | 'identityKeys'>;

/**
 * Creates a new identity secret of a chatbot. The one before it stays valid until the next rotation.
 * @returns the secret, which cannot be read again.
 * @throws NotFoundError; InvalidInputError if the gateway has no key to seal it.
 */
export async function rotateIdentitySecret(
  { db, clock, sealer }: Pick<Deps, 'db' | 'clock' | 'sealer'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: { readonly chatbotId: string },
): Promise<{ chatbot: Chatbot; secret: string }> {
  const chatbotId = requireFound('Chatbot', parseId('chatbot', input.chatbotId));
  const secret = `ids_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return db.transaction(async (trx) => {
    const chatbot = requireFound('Chatbot', await lockChatbot(trx, accountId, chatbotId));
    const now = clock.now();
    // Sorts by time, and names the row in what is sealed.
    const id = `${idStartAt(now)}-${randomUUID()}`;
    const sealed = sealer.seal('identity', locationOf(id), secret);
    const owner = { accountId, chatbotId };
    const ending = secret.slice(-ENDING_CHARS);
    await insertIdentitySecret(trx, { id, ...owner, sealed, ending, createdAt: toTimestamp(now) });
    return { chatbot, secret };
  });
}

/**
 * Verifies an identity: a JWT with `exp` and `user_id`, signed with a secret of the chatbot (HS256), or with a key of the
 * chatbot's key set (RS256, ES256).
 * @throws InvalidInputError for any other text; IssuerUnavailableError if the key set cannot be read.
 */
export async function verifyIdentity(deps: IdentityDeps, chatbot: Chatbot, identity: string): Promise<SignedIdentity> {
  const algorithm = identity.length > MAX_CHARS ? undefined : readAlgorithm(identity);
  // The algorithm decides which keys may verify: a public key never serves as a secret.
  const verify =
    algorithm === 'HS256'
      ? verifyWithSecrets
      : PUBLIC_ALGORITHMS.includes(algorithm ?? '')
        ? verifyWithKeySet
        : undefined;
  const payload = await verify?.(deps, chatbot, identity);
  if (payload) return toIdentity(payload);
  throw createIdentityError(
    'Must be a JWT with `exp` and `user_id`, signed with the identity secret or with a key of `jwksUrl`.',
  );
}

async function verifyWithSecrets(
  { db, clock, sealer }: IdentityDeps,
  { id: chatbotId, accountId }: Chatbot,
  identity: string,
): Promise<JWTPayload | undefined> {
  for (const { id, sealed } of await listIdentitySecrets(db.read, accountId, chatbotId)) {
    const secret = sealer.unseal('identity', locationOf(id), sealed);
    if (!secret) continue;
    const key = new TextEncoder().encode(secret);
    const payload = await readPayload(() => jwtVerify(identity, key, optionsFor(['HS256'], clock.now())));
    if (payload) return payload;
  }
  return undefined;
}

async function verifyWithKeySet(
  { clock, identityKeys }: IdentityDeps,
  chatbot: Chatbot,
  identity: string,
): Promise<JWTPayload | undefined> {
  const { jwksUrl } = chatbot.identity;
  if (jwksUrl === null) return undefined;
  const findKey = (header: JWTHeaderParameters) => identityKeys.find(chatbot, jwksUrl, header);
  return readPayload(() => jwtVerify(identity, findKey, optionsFor(PUBLIC_ALGORITHMS, clock.now())));
}

/** Creates the error for an identity that is missing or not valid. */
export function createIdentityError(message: string): InvalidInputError {
  return new InvalidInputError([{ path: ['identity'], message }]);
}

const optionsFor = (algorithms: readonly string[], now: number) => ({
  algorithms: [...algorithms],
  currentDate: new Date(now),
  requiredClaims: ['exp', 'user_id'],
});

/** @throws IssuerUnavailableError */
async function readPayload(verify: () => Promise<{ payload: JWTPayload }>): Promise<JWTPayload | undefined> {
  try {
    return (await verify()).payload;
  } catch (error) {
    if (error instanceof IssuerUnavailableError) throw error;
    return undefined;
  }
}

function readAlgorithm(identity: string): string | undefined {
  try {
    return decodeProtectedHeader(identity).alg;
  } catch {
    return undefined;
  }
}

function toIdentity(payload: Readonly<Record<string, unknown>>): SignedIdentity {
  const { user_id: userId, name, email, custom_data: customData } = payload;
  if (typeof userId !== 'string' && typeof userId !== 'number') {
    throw createIdentityError('`user_id` must be a text or a number.');
  }
  const named = parseInput(visitorRules, { externalId: String(userId), name, email, customData });
  const { externalId, ...given } = named;
  return { externalId: externalId ?? '', details: toDetails(given) };
}

/** Seals the identity secrets again with the newest sealing key. One that cannot be unsealed is left unchanged. */
export async function resealIdentitySecrets({
  db,
  sealer,
  logger,
}: Pick<Deps, 'db' | 'sealer' | 'logger'>): Promise<void> {
  const counts = await resealRows(db, await listAllIdentitySecrets(db.read), {
    isOutdated: ({ sealed }) => sealer.isOutdated(sealed),
    reseal({ id, sealed }: IdentitySecret) {
      const secret = sealer.unseal('identity', locationOf(id), sealed);
      return secret && sealer.seal('identity', locationOf(id), secret);
    },
    replace: replaceSealedIdentity,
  });
  logger.info(counts, 're-encrypted identity secrets');
}

const locationOf = (id: string) => ({ table: 'identity_secrets', row: id, column: 'sealed' });
