import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { schema } from '../../schema/index.ts';
import type { Deps } from '../deps.ts';
import { RateLimitedError, UnauthenticatedError } from '../domain/errors.ts';
import { createRest } from '../rest/app.ts';
import { createGraphClient } from '../rest/graph-client.ts';
import { createReference } from '../web/reference.ts';
import { createChatRoute } from './chat.ts';
import { type Admission, createContext, NOBODY, openDoor, tellStandingIn, visitOf } from './door.ts';
import type { Executor } from './executor.ts';
import { createErrorMask, logFailure } from './graphql-errors.ts';
import { answerOperator, sendDetail, sendJson } from './operator.ts';
import type { GraphQLServer } from './yoga.ts';

/** What a path belongs to; also its name in the metrics. */
export type Route = 'graphql' | 'rest' | 'docs' | 'chat' | 'operator' | 'other';

/** One HTTP request on its way through. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly requestId: string;
  /** Aborts when the client has left or the answer is sent. */
  readonly signal: AbortSignal;
  /** Whether the gateway is about to stop. */
  readonly isDraining: boolean;
}

/** Says what a path belongs to. */
export function routeOf(path: string): Route {
  if (path === '/graphql' || path === '/graphql/') return 'graphql';
  if (/^\/(api\/)?v1(\/|$)/.test(path)) return 'rest';
  if (/^\/docs(\/|$)/.test(path)) return 'docs';
  if (/^\/chat(\/|$)/.test(path)) return 'chat';
  return path === '/health' || path === '/ready' || path === '/metrics' ? 'operator' : 'other';
}

/** Makes what answers each route. */
export function createRoutes(
  deps: Deps,
  graphql: GraphQLServer,
  executor: Executor,
): Record<Route, (exchange: Exchange) => Promise<void>> {
  const reference = getRequestListener(createReference().fetch);
  return {
    graphql: (exchange) => answerGraphQL(deps, graphql, exchange),
    rest: createRestRoute(deps, executor),
    docs: async ({ request, response }) => reference(request, response),
    chat: createChatRoute(deps),
    operator: (exchange) => answerOperator(deps, exchange),
    async other({ path, response }) {
      if (path !== '/' || !deps.config.hasGraphiql) return sendDetail(response, 'NOT_FOUND');
      response.writeHead(302, { Location: '/graphql' });
      response.end();
    },
  };
}

async function answerGraphQL(deps: Deps, graphql: GraphQLServer, exchange: Exchange): Promise<void> {
  const { request, response, requestId, signal } = exchange;
  const source = { requestId, signal, transport: 'http', tellStanding: tellStandingIn(response) } as const;
  if (request.method === 'GET' && request.headers.accept?.includes('text/html') && deps.config.hasGraphiql) {
    // A browser cannot send a credential when it opens the page.
    return graphql.handle(request, response, { ...source, ...NOBODY });
  }
  let admission: Admission;
  try {
    admission = await enter(deps, exchange);
  } catch (error) {
    const { message, extensions } = createErrorMask(deps.logger)(error);
    const { http, ...visible } = extensions;
    const status = (http as { status?: number } | undefined)?.status ?? 500;
    return sendJson(response, status, { errors: [{ message, extensions: visible }] });
  }
  await graphql.handle(request, response, { ...source, ...admission });
}

function createRestRoute(deps: Deps, executor: Executor): (exchange: Exchange) => Promise<void> {
  const rest = createRest({
    chatTimeoutMs: deps.config.chatTimeoutMs,
    onError: (error, requestId, refusal) => logFailure(deps.logger, refusal ?? error, { requestId }),
  });
  return async (exchange) => {
    const { request, response, requestId, signal } = exchange;
    const bindings = {
      requestId,
      signal,
      openDoor: async () => {
        const { viewer, standing } = await enter(deps, exchange);
        if (viewer === undefined) throw new UnauthenticatedError();
        const context = createContext(deps, viewer, 'API', { requestId, standing, signal });
        return { graph: createGraphClient(executor, schema, context), accountId: viewer.accountId };
      },
    };
    await getRequestListener((fetched) => rest.fetch(fetched, bindings))(request, response);
  };
}

/** The door of one exchange; how the client stands is told on the answer whether it opens or not. */
async function enter(deps: Deps, { request, response }: Exchange): Promise<Admission> {
  const tellStanding = tellStandingIn(response);
  try {
    const admission = await openDoor(deps, visitOf(deps, request));
    if (admission.viewer !== undefined) tellStanding(admission.standing);
    return admission;
  } catch (error) {
    if (error instanceof RateLimitedError) {
      if (error.standing === undefined) response.setHeader('Retry-After', Math.ceil(error.retryAfterMs / 1_000));
      else tellStanding(error.standing, error.retryAfterMs);
    }
    throw error;
  }
}
