import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'graphql-yoga';
import type { Viewer } from '../../access/viewer.ts';
import { BadUserInputError, UnauthenticatedError } from '../../domain/errors.ts';
import type { TransportContext } from '../auth.ts';
import { searchParamsOf } from '../request-rules.ts';
import type { Reservations } from './reservations.ts';
import type { StreamedOperation } from './result-stream.ts';

const TOKEN_HEADER = 'x-graphql-event-stream-token';

/** Returns whether a request reserves a stream or names one. Source: the PROTOCOL.md of graphql-sse. */
export function usesSingleConnection(request: IncomingMessage): boolean {
  const { method = '' } = request;
  return method === 'PUT' || (['GET', 'POST', 'DELETE'].includes(method) && tokenOf(request) !== '');
}

/**
 * Handles a request of the single connection mode: PUT reserves a stream and responds with its token, GET opens the
 * stream, DELETE stops the operation `operationId`.
 * @returns for a POST, the operation that the request starts; its results go to the stream.
 * @throws UnauthenticatedError, EventStreamConflictError, BadUserInputError; whatever `claim` throws.
 */
export function handleSingleConnection(
  reservations: Reservations,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  viewer: Viewer | undefined,
  claim: (viewer: Viewer, signal: AbortSignal) => void,
): StreamedOperation | undefined {
  if (viewer === undefined) throw new UnauthenticatedError();
  if (request.method === 'PUT') {
    const token = reservations.create(viewer, claim);
    response.writeHead(201, { 'Content-Type': 'text/plain; charset=utf-8' }).end(token);
    return undefined;
  }
  const stream = reservations.get(viewer, tokenOf(request));
  if (request.method === 'POST') return stream.createOperation();
  if (request.method === 'DELETE') {
    const id = parameterOf(request, 'operationId');
    if (id === '') throw new BadUserInputError('`operationId` is missing in the URL.');
    stream.stop(id);
    response.writeHead(200).end();
  } else stream.open(response);
  return undefined;
}

/** Sends the results of an operation to its event stream, and responds with 202. */
export const useSingleConnection: Plugin<object, TransportContext> = {
  onParams({ params, context }) {
    (context as TransportContext).streamedOperation?.start(params.extensions?.operationId);
  },
  onResultProcess({ result, serverContext: { streamedOperation }, setResultProcessor }) {
    if (!streamedOperation?.isStarted || Array.isArray(result)) return;
    setResultProcessor((_result, { Response }) => {
      streamedOperation.send(result);
      return new Response(null, { status: 202 });
    }, 'application/json');
  },
};

function tokenOf(request: IncomingMessage): string {
  const header = request.headers[TOKEN_HEADER];
  if (typeof header === 'string' && header !== '') return header;
  // In the URL of an operation, unknown parameters are ignored.
  return parameterOf(request, 'query') === '' ? parameterOf(request, 'token') : '';
}

function parameterOf({ url = '' }: IncomingMessage, name: string): string {
  return searchParamsOf(url).get(name) ?? '';
}
