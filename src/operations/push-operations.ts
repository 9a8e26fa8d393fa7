import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { type FieldProblem, InvalidInputError } from '../domain/errors.ts';
import { createId, createIdAfter } from '../domain/ids.ts';
import { parseInput } from '../domain/input.ts';
import {
  BUILT_IN_MANIFEST,
  hashInId,
  MAX_ACCOUNT_DOCUMENTS,
  MAX_DOCUMENT_CHARS,
  MAX_DOCUMENTS,
  type Operation,
  type OperationManifest,
  toHashId,
} from '../domain/operations.ts';
import { toTimestamp } from '../domain/time.ts';
import { lockAccount } from '../store/accounts.ts';
import { deleteRetiredManifests, findNewestManifest, insertManifest } from '../store/operations/manifests.ts';
import {
  countRunnableOperations,
  findHashesInUse,
  insertOperations,
  listDocumentIdentities,
} from '../store/operations/operations.ts';
import type { Queryable } from '../store/tables.ts';
import type { CheckDocument } from './document-checker.ts';
import type { OperationStore } from './operation-store.ts';

/** A document, as a front end's build pushes it. */
export interface PushedDocument {
  /** If absent, `sha256:` and the SHA-256 of the document. */
  readonly documentId?: string | null | undefined;
  readonly document: string;
  readonly isTool?: boolean | null | undefined;
}

/** The input of a push. */
export interface PushInput {
  readonly name: string;
  readonly documents: readonly PushedDocument[];
}

/** A document that may be stored. */
type CheckedDocument = Pick<Operation, 'documentId' | 'hash' | 'name' | 'document' | 'cost' | 'isTool'>;

/** Retired versions are deleted after this time, at the next push. */
const RETIRED_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** The documents that are checked before other requests get their turn. */
const CHECKED_AT_ONCE = 10;
/** The documents whose problems are reported. */
const MAX_PROBLEMS = 20;

const rules = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'Must be 1 to 64 letters, digits, `.`, `_` and `-`, the first no sign.')
    .refine(
      (name) => name !== BUILT_IN_MANIFEST,
      `\`${BUILT_IN_MANIFEST}\` is the manifest that the gateway contains.`,
    ),
  documents: z
    .array(z.custom<PushedDocument>())
    .min(1, 'Push at least one document.')
    .max(MAX_DOCUMENTS, `At most ${MAX_DOCUMENTS.toLocaleString('en')} documents are accepted.`),
});

/**
 * Stores the documents of a front end as a new version of a manifest. Documents of earlier versions go on running until
 * these retire. A push of the documents of the newest version returns that version.
 * @throws InvalidInputError that names each document that is refused, at most 20, with the reason; nothing is stored.
 */
export async function pushOperations(
  deps: Pick<Deps, 'db' | 'clock' | 'checkDocument'> & { readonly operations: Pick<OperationStore, 'invalidate'> },
  { accountId }: Pick<Viewer, 'accountId'>,
  input: PushInput,
): Promise<OperationManifest> {
  const { name, documents } = parseInput(rules, { ...input });
  const checked = await checkDocuments(deps.checkDocument, documents);
  const manifest = await deps.db.transaction(async (trx) => {
    await lockAccount(trx, accountId);
    const now = deps.clock.now();
    await deleteRetiredManifests(trx, accountId, toTimestamp(now - RETIRED_DAYS * DAY_MS));
    const newest = await findNewestManifest(trx, accountId, name);
    if (newest?.retiresAt === null && (await isSame(trx, newest.id, checked))) return newest;
    await requireFreeIds(trx, { accountId, name, now }, checked);
    const version: OperationManifest = {
      id: createIdAfter('operationManifest', newest?.id),
      accountId,
      name,
      version: (newest?.version ?? 0) + 1,
      createdAt: toTimestamp(now),
      retiresAt: null,
    };
    await insertManifest(trx, version);
    const owner = { accountId, manifestId: version.id, lastUsedAt: null };
    await insertOperations(
      trx,
      checked.map((document) => ({ ...owner, ...document, id: createId('operation') })),
    );
    return version;
  });
  deps.operations.invalidate();
  return manifest;
}

/** @throws InvalidInputError */
async function checkDocuments(
  checkDocument: CheckDocument,
  documents: readonly PushedDocument[],
): Promise<CheckedDocument[]> {
  const checked: CheckedDocument[] = [];
  const problems: FieldProblem[] = [];
  const ids = new Set<string>();
  let refusedCount = 0;
  for (const [index, pushed] of documents.entries()) {
    if (index % CHECKED_AT_ONCE === CHECKED_AT_ONCE - 1) await setImmediate();
    const result = check(checkDocument, pushed);
    const problem =
      'problem' in result ? result : ids.has(result.documentId) ? duplicateProblem(result.documentId) : undefined;
    if ('documentId' in result) ids.add(result.documentId);
    if (problem === undefined) checked.push(result as CheckedDocument);
    else if (++refusedCount <= MAX_PROBLEMS) {
      problems.push({
        path: ['documents', `${index}`, problem.field],
        message: `${labelOf(pushed)}: ${problem.problem}`,
      });
    }
  }
  if (refusedCount > MAX_PROBLEMS) {
    const message = `${refusedCount - MAX_PROBLEMS} more documents are refused.`;
    problems.push({ path: ['documents'], message });
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  return checked;
}

interface Problem {
  readonly field: 'documentId' | 'document' | 'isTool';
  readonly problem: string;
}

const duplicateProblem = (documentId: string): Problem => ({
  field: 'documentId',
  problem: `Another document of this push has the id ${documentId}.`,
});

function check(
  checkDocument: CheckDocument,
  { documentId, document, isTool }: PushedDocument,
): CheckedDocument | Problem {
  if (documentId != null && !DOCUMENT_ID.test(documentId)) {
    return { field: 'documentId', problem: 'Must be 1 to 128 letters, digits, `:`, `_` and `-`.' };
  }
  if (document.length > MAX_DOCUMENT_CHARS) {
    return { field: 'document', problem: `Must have at most ${MAX_DOCUMENT_CHARS.toLocaleString('en')} characters.` };
  }
  if (document.includes('\0') || !document.isWellFormed()) {
    return { field: 'document', problem: 'Must be well-formed Unicode without NUL characters.' };
  }
  const digest = hash('sha256', document);
  const hashId = documentId == null ? undefined : hashInId(documentId);
  if (hashId !== undefined && hashId !== digest) {
    return { field: 'documentId', problem: `Must be the SHA-256 of the document, ${toHashId(digest)}.` };
  }
  const result = checkDocument(document);
  if ('problem' in result) return { field: 'document', problem: result.problem };
  if (isTool && (result.name === null || result.kind === 'subscription')) {
    return { field: 'isTool', problem: 'A tool must be a query or a mutation with a name.' };
  }
  const { name, cost } = result;
  return { documentId: documentId ?? toHashId(digest), hash: digest, name, document, cost, isTool: isTool ?? false };
}

const DOCUMENT_ID = /^[A-Za-z0-9:_-]{1,128}$/;

/** The id of a document, or the start of its text: the author of a manifest knows no indexes. */
function labelOf({ documentId, document }: PushedDocument): string {
  return (
    documentId ?? (/(?:query|mutation|subscription)\s+\w+/.exec(document.slice(0, 300))?.[0] || document.slice(0, 40))
  );
}

/** Whether the documents are those of a version. */
async function isSame(trx: Queryable, manifestId: string, documents: readonly CheckedDocument[]): Promise<boolean> {
  const keyOf = ({ documentId, hash: digest, isTool }: Pick<Operation, 'documentId' | 'hash' | 'isTool'>) =>
    `${documentId} ${digest} ${isTool}`;
  const stored = new Set((await listDocumentIdentities(trx, manifestId)).map(keyOf));
  return stored.size === documents.length && documents.every((document) => stored.has(keyOf(document)));
}

/**
 * Refuses an id that means another document in a version that has not retired: pages of that version would get the
 * result of a document that they do not know.
 * @throws InvalidInputError
 */
async function requireFreeIds(
  trx: Queryable,
  { accountId, name, now }: { accountId: string; name: string; now: number },
  documents: readonly CheckedDocument[],
): Promise<void> {
  const at = toTimestamp(now);
  const hashes = await findHashesInUse(trx, accountId, name, at);
  const problems = documents.flatMap(({ documentId, hash: digest }, index): FieldProblem[] => {
    const inUse = hashes.get(documentId);
    if (inUse === undefined || inUse === digest) return [];
    const message = `${documentId}: Is another document in a version of ${name} that has not retired. Use ids that change with the text, or retire that version first.`;
    return [{ path: ['documents', `${index}`, 'documentId'], message }];
  });
  if (problems.length > 0) throw new InvalidInputError(problems.slice(0, MAX_PROBLEMS));
  if ((await countRunnableOperations(trx, accountId, at)) + documents.length > MAX_ACCOUNT_DOCUMENTS) {
    const message = `An account has at most ${MAX_ACCOUNT_DOCUMENTS.toLocaleString('en')} documents in versions that have not retired. Retire versions that no page uses.`;
    throw new InvalidInputError([{ path: ['documents'], message }]);
  }
}
