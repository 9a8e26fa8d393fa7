import { createYoga, type Plugin } from 'graphql-yoga';
import { schema } from '../../schema/index.ts';
import type { Deps } from '../deps.ts';
import { STREAM_HEADERS } from '../domain/event-stream.ts';
import { createContext, type TransportContext } from './auth.ts';
import { useMultipartHeartbeat } from './event-streams/multipart-heartbeat.ts';
import { useSingleConnection } from './event-streams/single-connection.ts';
import { createErrorMask } from './graphql-errors.ts';
import { isStreamType } from './media-types.ts';
import type { Documents } from './operations/resolve-document.ts';
import { useRequestParameters } from './parameters.ts';
import { type Pipeline, useCredentialCheck, useParser, usePipeline } from './pipeline.ts';

/** Creates the GraphQL server: it handles GraphQL over HTTP, and parses and validates the operations of WebSockets. */
export function createGraphQLServer(
  deps: Deps,
  pipeline: Pipeline,
  { documentCache, resolve }: Pick<Documents, 'documentCache' | 'resolve'>,
) {
  const maskError = createErrorMask(deps);
  return createYoga<TransportContext>({
    schema,
    context: ({ viewer, ...source }) =>
      // Without a viewer, no resolver runs: see `useCredentialCheck`.
      viewer === undefined ? {} : createContext(deps, viewer, 'GRAPHQL', source),
    plugins: [
      useStreamHeaders,
      useMultipartHeartbeat,
      useSingleConnection,
      usePartialStatus,
      useRequestParameters(resolve),
      useParser(),
      useCredentialCheck(deps),
      usePipeline(pipeline),
    ],
    maskedErrors: { maskError },
    // Errors are cheap to compute again.
    parserAndValidationCache: { documentCache, errorCache: { get: () => undefined, set: () => undefined } },
    // The HTTP server handles everything that is not GraphQL.
    graphiql: false,
    cors: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false,
    logging: false,
  });
}

/**
 * Sets the status of a result that has data beside errors, for clients that accept the newer media type. Only an error
 * that left no data keeps a status of its own. Source: GraphQL over HTTP.
 */
const usePartialStatus: Plugin = {
  onResultProcess({ result }) {
    if (!('data' in result)) return;
    const partial = { status: 294, spec: true };
    for (const { extensions } of result.errors ?? []) {
      extensions.http = result.data === null ? (extensions.http ?? partial) : partial;
    }
  },
};

/** Sets the headers that forbid proxies to store, delay or transform a stream. The framework does not set them. */
const useStreamHeaders: Plugin = {
  onResponse({ response: { headers } }) {
    if (isStreamType(headers.get('content-type'))) {
      for (const [name, value] of Object.entries(STREAM_HEADERS)) headers.set(name, value);
    }
  },
};

/** The GraphQL server. */
export type GraphQLServer = ReturnType<typeof createGraphQLServer>;
