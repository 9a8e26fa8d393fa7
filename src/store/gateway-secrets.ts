import { randomBytes } from 'node:crypto';
import type { Database } from './database.ts';

const SECRET_BYTES = 32;

/**
 * Reads the secret for a purpose. All gateways on this database share it; the first gateway that reads it creates it.
 */
export async function readGatewaySecret(
  { read, transaction }: Pick<Database, 'read' | 'transaction'>,
  purpose: string,
): Promise<Buffer> {
  const find = () =>
    read.selectFrom('gateway_secrets').select('secret').where('purpose', '=', purpose).executeTakeFirst();
  const existing = await find();
  if (existing !== undefined) return Buffer.from(existing.secret, 'base64');
  const row = { purpose, secret: randomBytes(SECRET_BYTES).toString('base64') };
  await transaction((trx) =>
    trx
      .insertInto('gateway_secrets')
      .values(row)
      .onConflict((on) => on.doNothing())
      .execute(),
  );
  return readGatewaySecret({ read, transaction }, purpose);
}
