import { GraphQLError } from 'graphql';
import type { GraphQLParams, Plugin } from 'graphql-yoga';
import { readJson } from '../dialects/rest/body.ts';
import { BadUserInputError, ERRORS, PayloadTooLargeError } from '../domain/errors.ts';
import { isJsonObject } from '../domain/json.ts';
import { MAX_BODY_BYTES } from '../domain/shared-limits.ts';
import type { TransportContext } from './auth.ts';
import { readRequestOptions } from './operations/request-options.ts';
import type { DocumentParameters, ResolveDocument } from './operations/resolve-document.ts';
import { searchParamsOf } from './request-rules.ts';

/**
 * Reads the parameters of a GraphQL request: of a POST from a body, with the rules of REST (only JSON, bounded, in valid
 * UTF-8), of a GET from the query of the URL. A parameter that is null, or empty in a URL, counts as absent, and so does
 * an empty `operationName`; unknown parameters are ignored. Source: GraphQL over HTTP.
 * @param resolve finds the document of a request that only names it.
 */
export function useRequestParameters(resolve: ResolveDocument): Plugin<object, TransportContext> {
  return {
    onRequestParse({ request, serverContext, setRequestParser }) {
      const { accepted, largeBody } = serverContext;
      if (request.method !== 'GET' && request.method !== 'POST') return;
      setRequestParser(async () => {
        const parameters = request.method === 'GET' ? parseUrl(request.url) : await readJson(request, largeBody);
        try {
          const { documentId, query, ...others } = readParameters(parameters);
          serverContext.options = readRequestOptions(others.extensions);
          const document = await resolve(serverContext.viewer, { documentId, query, extensions: others.extensions });
          serverContext.onChecked = document.onChecked;
          return { query: document.text, ...others };
        } catch (error) {
          if (!(error instanceof BadUserInputError)) throw error;
          const { status, graphqlStatus } = ERRORS.BAD_USER_INPUT;
          // The older media type has the status of the older text, which tells invalid requests from well-formed ones.
          const isNewer = accepted?.result === 'application/graphql-response+json';
          throw createError(error.message, isNewer ? graphqlStatus : status);
        }
      });
    },
  };
}

/** The parameters of a request, before its document is found. */
type RequestParameters = Omit<GraphQLParams, 'query'> & DocumentParameters;

/** @throws BadUserInputError for parameters that are no GraphQL request. */
function readParameters(parameters: unknown): RequestParameters {
  if (Array.isArray(parameters)) {
    throw new BadUserInputError('Batching is not offered: send one operation per request.');
  }
  if (!isJsonObject(parameters)) throw new BadUserInputError('The request body must be a JSON object.');
  const { query, documentId, operationName, variables, extensions } = parameters;
  if (query != null && typeof query !== 'string') throw new BadUserInputError('`query` must be a string.');
  if (documentId != null && typeof documentId !== 'string') {
    throw new BadUserInputError('`documentId` must be a string.');
  }
  if (operationName != null && typeof operationName !== 'string') {
    throw new BadUserInputError('`operationName` must be a string.');
  }
  if (variables != null && !isJsonObject(variables)) throw new BadUserInputError('`variables` must be an object.');
  if (extensions != null && !isJsonObject(extensions)) throw new BadUserInputError('`extensions` must be an object.');
  // A large body is for variables: everything else is parsed, cached or shown in errors.
  if (Math.max(query?.length ?? 0, operationName?.length ?? 0) > MAX_BODY_BYTES) {
    throw new PayloadTooLargeError(`Only variables may have more than ${MAX_BODY_BYTES / 1_024} kB.`);
  }
  return {
    query: query || undefined,
    documentId: documentId || undefined,
    ...(operationName && { operationName }),
    ...(variables && { variables }),
    ...(extensions && { extensions }),
  };
}

function parseUrl(url: string): unknown {
  const parameters = searchParamsOf(url);
  const textOf = (name: string) => parameters.get(name) || undefined;
  return {
    query: textOf('query'),
    operationName: textOf('operationName'),
    documentId: textOf('documentId'),
    variables: parseJson('variables', textOf('variables')),
    extensions: parseJson('extensions', textOf('extensions')),
  };
}

function parseJson(name: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw createError(`\`${name}\` must be JSON.`, ERRORS.BAD_USER_INPUT.status);
  }
}

function createError(message: string, status: number): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status } } });
}
