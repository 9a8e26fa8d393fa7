import { readFile } from 'node:fs/promises';
import { type FieldProblem, InvalidInputError, StartupError } from './domain/errors.ts';
import { systemClock } from './domain/time.ts';
import { checkDocument } from './http/operations/check-document.ts';
import { type PushedDocument, pushOperations } from './operations/push-operations.ts';
import { readManifest } from './operations/read-manifest.ts';
import { findAccountByIdOrName, findOnlyAccount } from './store/accounts.ts';
import type { Database } from './store/database.ts';

/** The stored version of a pushed file. */
export interface PushedFile {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  /** The number of documents in the file. */
  readonly documents: number;
}

/** The documents of a file, and the name of their manifest. */
interface FileInput {
  readonly path: string;
  readonly name: string;
}

/**
 * Pushes the documents of a file to a database.
 * @param account the name or the id of the account; undefined: the only one.
 * @throws StartupError with one line for each document that is refused.
 */
export async function pushFileToDatabase(
  db: Database,
  account: string | undefined,
  { path, name }: FileInput,
): Promise<PushedFile> {
  const documents = await readDocuments(path);
  const owner = account === undefined ? await findOnlyAccount(db.read) : await findAccountByIdOrName(db.read, account);
  if (owner === undefined) {
    throw new StartupError(
      account === undefined ? 'Name the account by --account.' : `There is no account ${account}.`,
    );
  }
  // A gateway that uses the database reads it again within a second.
  const deps = { db, clock: systemClock, checkDocument, operations: { invalidate() {} } };
  try {
    const { id, version } = await pushOperations(deps, { accountId: owner.id }, { name, documents });
    return { id, name, version, documents: documents.length };
  } catch (error) {
    throw error instanceof InvalidInputError ? createRefusal(error.fields) : error;
  }
}

const PUSH = `mutation ($input: PushOperationsInput!) { pushOperations(input: $input) {
  ... on PushOperationsPayload { manifest { id version } }
  ... on InvalidInputError { fields { path message } }
} }`;

/** The response to `PUSH`. */
interface PushResponse {
  readonly data?: {
    readonly pushOperations: {
      readonly manifest?: { readonly id: string; readonly version: number };
      readonly fields?: readonly FieldProblem[];
    };
  } | null;
  readonly errors?: readonly { readonly message: string }[];
}

/**
 * Pushes the documents of a file to a gateway.
 * @param gateway its address, and a key with MANAGE.
 * @throws StartupError with one line for each document that is refused, or if the gateway refuses the request.
 */
export async function pushFileToGateway(
  { url, key }: { url: string; key: string },
  { path, name }: FileInput,
): Promise<PushedFile> {
  const documents = await readDocuments(path);
  const { data, errors } = await post(url, key, { query: PUSH, variables: { input: { name, documents } } });
  const { manifest, fields } = data?.pushOperations ?? {};
  if (fields) throw createRefusal(fields);
  if (manifest === undefined)
    throw new StartupError(`${url} refuses the push: ${errors?.[0]?.message ?? 'no result.'}`);
  return { ...manifest, name, documents: documents.length };
}

async function post(url: string, key: string, body: object): Promise<PushResponse> {
  try {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
    return (await response.json()) as PushResponse;
  } catch {
    throw new StartupError(`There is no gateway at ${url}, or it does not answer.`);
  }
}

async function readDocuments(path: string): Promise<PushedDocument[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StartupError(`Cannot read ${path}: ${error.code}.`);
  });
  return readManifest(text);
}

function createRefusal(fields: readonly FieldProblem[]): StartupError {
  return new StartupError(['Nothing was pushed.', ...fields.map(({ message }) => message)].join('\n'));
}
