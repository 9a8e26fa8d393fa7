import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import {
  MAX_ACCOUNT_DOCUMENTS,
  MAX_DOCUMENT_CHARS,
  MAX_DOCUMENTS,
  type Operation,
  type OperationManifest,
} from '../../src/domain/operations.ts';
import { pushOperations } from '../../src/operations/push-operations.ts';
import { retireOperations } from '../../src/operations/retire-operations.ts';
import { countManifests, listManifests } from '../../src/store/operations/manifests.ts';
import { listOperations } from '../../src/store/operations/operations.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { SETTINGS_SCOPES } from '../scopes.ts';
import { AccountRef } from './viewer.ts';

const OperationRef = builder.objectRef<Operation>('Operation').implement({
  description: 'A document of a manifest, which clients send by its id.',
  interfaces: [Node],
  fields: (t) => ({
    documentId: t.exposeString('documentId', {
      description:
        'The id by which clients send the document, unique within the manifest. `sha256:` and the SHA-256 of the document, in lower-case hexadecimal digits, is always an id of it too.',
    }),
    name: t.exposeString('name', { nullable: true, description: 'The name of the operation; null if it has none.' }),
    document: t.exposeString('document', { description: 'The text of the document.' }),
    cost: t.exposeInt('cost', {
      description:
        'The cost with the defaults of the variables, at the time of the push. Other values of variables can change it; the gateway checks the cost of every request.',
    }),
    isTool: t.exposeBoolean('isTool', { description: 'True if models may call the operation as a tool.' }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'The time of the last use by an id; null if never used. A use counts for the newest version that contains the document. Stored within a few seconds.',
      resolve: ({ id, lastUsedAt }, _args, { deps }) => deps.operations.lastUsedAt(id) ?? lastUsedAt,
    }),
  }),
});

const OperationConnection = defineConnection(OperationRef);

/** A version of a manifest. */
export const OperationManifestRef = builder.objectRef<OperationManifest>('OperationManifest').implement({
  description:
    'A list of documents of a front end: one version of those that were pushed under its name. The documents of all versions that have not retired can run.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name, which all versions share.' }),
    version: t.exposeInt('version', { description: 'The number of the version: 1, then one more for each change.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of the push.' }),
    retiresAt: t.expose('retiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time from which the documents of this version no longer run; null if none is set.',
    }),
    operations: t.connection(
      {
        type: OperationRef,
        description: `The documents in the order of the push; at most ${MAX_DOCUMENTS.toLocaleString('en')}.`,
        extensions: pageExtensions,
        resolve: ({ id, accountId }, args, { deps, loaders }) =>
          paginate(
            'operation',
            args,
            (page) => listOperations(deps.db.read, accountId, id, page),
            () => loaders.rowCount.load({ table: 'operations', ownerId: id, values: {} }),
          ),
      },
      OperationConnection,
    ),
  }),
});

const OperationManifestConnection = defineConnection(OperationManifestRef);

builder.objectField(AccountRef, 'operationManifests', (t) =>
  t.connection(
    {
      type: OperationManifestRef,
      authScopes: SETTINGS_SCOPES,
      description:
        'The manifests of the account, each version by itself, newest first. A retired version that is not the newest is deleted after 30 days. The built-in manifest `chat` is not among them. Needs `READ` or `MANAGE`.',
      extensions: pageExtensions,
      resolve: (account, args, { deps }) =>
        paginate(
          'operationManifest',
          args,
          (page) => listManifests(deps.db.read, account.id, page),
          () => countManifests(deps.db.read, account.id),
        ),
    },
    OperationManifestConnection,
  ),
);

builder.objectFields(ChatbotRef, (t) => ({
  persistedOnly: t.exposeBoolean('persistedOnly', {
    authScopes: SETTINGS_SCOPES,
    description:
      'True if every session of the chatbot may run only the documents of its manifest, also a session that a server has opened without naming one. API keys have a setting of their own. Needs `READ` or `MANAGE`.',
  }),
  sessionOperations: t.field({
    type: OperationManifestRef,
    nullable: true,
    authScopes: SETTINGS_SCOPES,
    description:
      'The newest version of the manifest whose documents public sessions may run; null for the built-in manifest `chat`, the documents of the chat page. Needs `READ` or `MANAGE`.',
    resolve: async ({ sessionOperations }, _args, { loaders }) =>
      sessionOperations === null ? null : ((await loaders.newestManifest.load(sessionOperations)) ?? null),
  }),
}));

const OperationDocumentInput = builder.inputType('OperationDocumentInput', {
  description: 'A document of a front end.',
  fields: (t) => ({
    documentId: t.string({
      description:
        'The id by which clients send the document: 1 to 128 letters, digits, `:`, `_` and `-`; if absent, `sha256:` and the SHA-256 of the document. An id that starts with `sha256:` must be that.',
    }),
    document: t.string({
      required: true,
      description: `A GraphQL document with exactly one operation; at most ${MAX_DOCUMENT_CHARS.toLocaleString('en')} characters.`,
    }),
    isTool: t.boolean({
      defaultValue: false,
      description: 'True to offer the operation, a query or mutation with a name, to models as a tool.',
    }),
  }),
});

builder.relayMutationField(
  'pushOperations',
  {
    description: 'The documents of a front end.',
    inputFields: (t) => ({
      name: t.string({
        required: true,
        description:
          'The name of the manifest: 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit. `chat` is taken.',
      }),
      documents: t.field({
        type: [OperationDocumentInput],
        required: true,
        description: `The documents: 1 to ${MAX_DOCUMENTS.toLocaleString('en')}, with different ids.`,
      }),
    }),
  },
  {
    description: `Stores the documents as a new version of a manifest, after checking each of them. Earlier versions go on working until they retire. Documents that equal those of the newest version change nothing. An account has at most ${MAX_ACCOUNT_DOCUMENTS.toLocaleString('en')} documents in versions that have not retired. Needs \`MANAGE\`.`,
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ manifest: await pushOperations(deps, viewer, input) }),
  },
  {
    description: 'The version that contains the documents.',
    outputFields: (t) => ({
      manifest: t.expose('manifest', {
        type: OperationManifestRef,
        description: 'The newest version of the manifest.',
      }),
    }),
  },
);

builder.relayMutationField(
  'retireOperations',
  {
    description: 'The version of a manifest to retire.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the manifest, which is that of one version.' }),
      retiresAt: t.field({
        type: 'DateTime',
        required: true,
        description:
          'The time from which the documents of the version no longer run, unless another version has them; a time in the past retires it now, and a later date replaces an earlier one.',
      }),
    }),
  },
  {
    description: 'Sets when a version of a manifest retires. Running operations continue. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ manifest: await retireOperations(deps, viewer, input) }),
  },
  {
    description: 'The changed version of the manifest.',
    outputFields: (t) => ({
      manifest: t.expose('manifest', {
        type: OperationManifestRef,
        description: 'The version of the manifest with its date.',
      }),
    }),
  },
);
