import type { OpenAPIHono } from '@hono/zod-openapi';
import type { RestEnv } from './context.ts';

/** The path of the OpenAPI document, which is public. */
export const OPENAPI_PATH = /^(\/api)?\/v1\/openapi\.json\/?$/;

/** Creates the OpenAPI document of the routes of `app`. */
export function createOpenApiDocument(app: OpenAPIHono<RestEnv>): object {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, `ic_…`. Its scopes limit its access to the account.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'ChatGraph REST API',
      version: '1',
      description:
        'The chatbots of an account, their sources, conversations and webhooks. Times are ISO 8601 in UTC, and ids are UUIDs. Every error is `{"detail": "…"}`, or a problem of RFC 9457 with `Accept: application/problem+json`.',
    },
    servers: [
      { url: '/v1', description: 'This gateway.' },
      { url: '/api/v1', description: 'This gateway, under an alternative path.' },
    ],
    security: [{ apiKey: [] }],
    tags: [
      { name: 'Chatbots', description: 'Chatbots that answer visitors.' },
      { name: 'Sources', description: 'Sources from which chatbots answer.' },
      { name: 'Sessions', description: 'Sessions of visitors, for pages and apps without a key.' },
      { name: 'Chat', description: 'Messages to chatbots, and events of conversations.' },
      { name: 'Webhooks', description: 'Webhooks that send events to endpoints.' },
    ],
  });
}
