import type { OpenAPIHono } from '@hono/zod-openapi';
import type { RestEnv } from './context.ts';

/** Where the API describes itself, to everybody. */
export const DOCUMENT_PATH = /^(\/api)?\/v1\/openapi\.json\/?$/;

/** Makes the OpenAPI document of what `app` has been given. */
export function describeApi(app: OpenAPIHono<RestEnv>): object {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, `ic_…`. It reaches everything of its account that its scopes allow.',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'ChatGraph REST API',
      version: '1',
      description:
        'The chatbots of an account, their sources, and their answers. Times are ISO 8601 in UTC, ids are UUIDs, and every error is `{"detail": "…"}`; with `Accept: application/problem+json` it is a problem of RFC 9457.',
    },
    servers: [
      { url: '/v1', description: 'This gateway.' },
      { url: '/api/v1', description: 'The same, under its other address.' },
    ],
    security: [{ apiKey: [] }],
    tags: [
      { name: 'Chatbots', description: 'Who answers.' },
      { name: 'Sources', description: 'What they answer from.' },
      { name: 'Chat', description: 'Asking them.' },
      { name: 'Webhooks', description: 'Being told what happens.' },
    ],
  });
}
