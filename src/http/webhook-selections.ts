import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  GraphQLError,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { webhookSchema as schema } from '../../schema/index.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Scope } from '../domain/entities.ts';
import { ForbiddenError, OperationTimeoutError, RefusalError } from '../domain/errors.ts';
import { toJson } from '../domain/json.ts';
import { findBudget } from '../domain/response-budget.ts';
import type { WebhookEvent } from '../domain/webhooks.ts';
import type { Selection, Selections } from '../webhooks/selections.ts';
import { ANONYMOUS, createContext } from './auth.ts';
import { measureOperation, rootFieldNamesOf } from './cost/query-limits.ts';
import { recordPosition } from './executor.ts';
import { parseWithinLimits } from './parse-document.ts';
import { validateWithErrorLimit, withTimeout } from './pipeline.ts';
import { limitResponse } from './response-limit.ts';
import { hasScopes, requireScopes } from './scopes.ts';

/** The maximum duration of an execution: shorter than the lease of a delivery. */
const TIMEOUT_MS = 5_000;
const CACHED_DOCUMENTS = 500;
/** The scopes with which every document runs. A key that saves or tests a document needs the scopes of its fields. */
const READER_SCOPES: ReadonlySet<Scope> = new Set(['READ']);

/** A parsed and checked document, or the reason why it is refused. */
type PreparedDocument =
  | { readonly document: DocumentNode; readonly operation: OperationDefinitionNode }
  | { readonly problem: string };

/**
 * Creates the executor of webhook documents. It runs a document for one event, within the limits of any operation, and
 * with only the scope `READ`.
 * @param getDeps called before each execution; the resolvers use its result.
 */
export function createSelections(getDeps: () => Deps): Selections {
  const preparedByText = new LRUCache<string, PreparedDocument>({ max: CACHED_DOCUMENTS });

  function prepareOnce(text: string): PreparedDocument {
    const prepared = preparedByText.get(text) ?? prepare(text);
    preparedByText.set(text, prepared);
    return prepared;
  }

  async function select(text: string, event: WebhookEvent): Promise<Selection> {
    const prepared = prepareOnce(text);
    if ('problem' in prepared) return prepared;
    const deps = getDeps();
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const source = { requestId: event.id, rateLimit: ANONYMOUS.rateLimit, signal };
    const contextValue = createContext(deps, createReader(event), 'API', source);
    const { document } = prepared;
    try {
      await recordPosition({ schema, document, contextValue });
      const execution = limitResponse(deps.config.maxResponseBytes, () =>
        execute({ schema, document, rootValue: event, contextValue }),
      );
      const result = await withTimeout(Promise.resolve(execution), TIMEOUT_MS);
      const selection = toSelection(result, (error) => {
        deps.logger.error({ err: error, event: event.id }, 'cannot execute a webhook document');
      });
      // An operation that tests a document keeps the selection in memory, so the selection counts against the
      // response limit of that operation.
      if ('data' in selection) findBudget()?.addReadUnchecked(selection.data.length);
      return selection;
    } catch (error) {
      if (error instanceof OperationTimeoutError) return { problem: error.message };
      throw error;
    }
  }

  return {
    findProblem(text) {
      const prepared = prepareOnce(text);
      return 'problem' in prepared ? prepared.problem : undefined;
    },
    isReadable(text, scopes) {
      const prepared = prepareOnce(text);
      return 'problem' in prepared || hasScopes({ schema, ...prepared }, scopes);
    },
    select,
  };
}

function prepare(text: string): PreparedDocument {
  try {
    const document = parseWithinLimits(text);
    const problem = findProblemIn(document);
    const operation = getOperationAST(document);
    if (problem !== undefined || operation == null) return { problem: problem ?? SHAPE_RULE };
    requireScopes({ schema, document, operation }, READER_SCOPES);
    return { document, operation };
  } catch (error) {
    if (error instanceof ForbiddenError) return { problem: `Must not select ${error.path.join('.')}: ${ONLY_READ}` };
    if (error instanceof RefusalError || error instanceof GraphQLError) return { problem: error.message };
    throw error;
  }
}

/** @throws QueryTooComplexError */
function findProblemIn(document: DocumentNode): string | undefined {
  const [operation, ...others] = document.definitions.filter(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  // Checked before the fields: an author who confuses the two schemas would only learn that a field is unknown.
  if (operation?.operation !== 'subscription' || others.length > 0) return SHAPE_RULE;
  if (rootFieldNamesOf(document, operation).some((name) => name !== 'event')) return SHAPE_RULE;
  const errors = validateWithErrorLimit(schema, document);
  if (errors.length > 0) return errors.map(({ message }) => message).join(' ');
  if (operation.variableDefinitions?.length) return 'Must have no variables: write the values in place.';
  measureOperation(schema, document, operation, {});
  return undefined;
}

const ONLY_READ = 'a document has only the scope `READ`.';
const SHAPE_RULE = 'Must be one `subscription` of the field `event`, and nothing else.';

/** The viewer of a document: it sees only the chatbot of the event, if the event has one. */
function createReader({ accountId, chatbotId }: Pick<WebhookEvent, 'accountId' | 'chatbotId'>): Viewer {
  const revoked = new AbortController().signal;
  return {
    kind: 'API_KEY',
    accountId,
    credentialId: '',
    apiKeyId: null,
    actorName: null,
    scopes: READER_SCOPES,
    persistedOnly: false,
    revoked,
    ...(chatbotId !== null && { chatbotIds: new Set([chatbotId]) }),
  };
}

/** Converts a result. `report` logs internal errors, which the selection hides because they may contain secrets. */
function toSelection({ data, errors = [] }: ExecutionResult, report: (error: GraphQLError) => void): Selection {
  if (errors.length === 0 && data != null) return { data: toJson(data) };
  const problems = errors.map((error) => {
    const { message, originalError, path } = error;
    if (originalError === undefined || originalError instanceof RefusalError) return message;
    report(error);
    return `Internal error at ${path?.join('.') ?? 'the root'}.`;
  });
  return { problem: problems.join(' ') };
}
