import { OpenAPIHono } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { getPathNoStrict } from 'hono/utils/url';
import { RefusalError, requireFound } from '../../domain/errors.ts';
import { chat } from './chat.ts';
import type { RestEnv, RestOptions } from './context.ts';
import { GetChatbotDocument, ListChatbotsDocument, ListSourcesDocument } from './documents.ts';
import { CodedError, sendError, toInvalidInput } from './errors.ts';
import { sendEventStream } from './events.ts';
import { toChatbot, toChatbotDetail, toSource } from './mappers.ts';
import { refuseOtherMethods } from './methods.ts';
import { sendList } from './pages.ts';
import { chatRoute, conversationEventsRoute, getChatbotRoute, listChatbotsRoute, listSourcesRoute } from './routes.ts';
import { addSessions } from './sessions.ts';
import { addWebhooks } from './webhooks.ts';

const PREFIX = /^(\/api)?\/v1(?=\/|$)/;

/**
 * Creates the REST API under `/v1` and `/api/v1`, with or without a trailing slash. It executes GraphQL operations in
 * the same process. Call `fetch(request, bindings)`. Each request is authenticated first.
 */
export function createRest(options: RestOptions): OpenAPIHono<RestEnv> {
  const app = new OpenAPIHono<RestEnv>({
    getPath: (request) => getPathNoStrict(request).replace(PREFIX, '') || '/',
    defaultHook: (result) => {
      if (!result.success) throw toInvalidInput(result.error);
    },
  });
  app.onError((error, c) => {
    if (!(error instanceof RefusalError)) options.onError(error, c.env.requestId);
    else if (error.cause !== undefined) options.onError(error.cause, c.env.requestId, error);
    return sendError(c, error);
  });
  app.notFound((c) => sendError(c, new CodedError('NOT_FOUND')));
  addSessions(app);
  app.use(authenticateRequest);
  addReadRoutes(app, options);
  addChat(app, options);
  addEvents(app, options);
  addWebhooks(app, options);
  refuseOtherMethods(app);
  return app;
}

/** Refuses requests without a credential before a response can reveal which paths exist. */
const authenticateRequest = createMiddleware<RestEnv>(async (c, next) => {
  const { graph, accountId, countStream } = await c.env.authenticate();
  c.set('graph', graph);
  c.set('accountId', accountId);
  c.set('countStream', countStream);
  return next();
});

function addReadRoutes(app: OpenAPIHono<RestEnv>, { onError }: RestOptions): void {
  app.openapi(listChatbotsRoute, (c) =>
    sendList(c, {
      query: c.req.valid('query'),
      read: async (page) => (await c.var.graph.query(ListChatbotsDocument, page)).chatbots,
      toModel: toChatbot,
      onError,
    }),
  );

  app.openapi(getChatbotRoute, async (c) => {
    const { chatbot } = await c.var.graph.query(GetChatbotDocument, { id: c.req.valid('param').chatbot_id });
    return c.json(toChatbotDetail(requireFound('Chatbot', chatbot)), 200);
  });

  app.openapi(listSourcesRoute, (c) => {
    const chatbotId = c.req.valid('param').chatbot_id;
    return sendList(c, {
      query: c.req.valid('query'),
      read: async (page) => {
        const { chatbot } = await c.var.graph.query(ListSourcesDocument, { chatbotId, ...page });
        return requireFound('Chatbot', chatbot).sources;
      },
      toModel: toSource,
      onError,
    });
  });
}

function addChat(app: OpenAPIHono<RestEnv>, options: RestOptions): void {
  // The framework only documents the route; `chat` reads the body.
  app.openAPIRegistry.registerPath(chatRoute);
  app.post(chatRoute.getRoutingPath(), async (c) => c.json({ response: await chat(c, options) }));
}

function addEvents(app: OpenAPIHono<RestEnv>, options: RestOptions): void {
  // Registered by hand, because the framework has no type for a stream.
  app.openAPIRegistry.registerPath(conversationEventsRoute);
  app.get(conversationEventsRoute.getRoutingPath(), (c) => sendEventStream(c, options));
}
