import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { MalformedBodyError } from '../../domain/errors.ts';
import { readJson } from './body.ts';
import type { OpenedSession, RestEnv } from './context.ts';
import { toInvalidInput } from './errors.ts';
import { COMMON_ERRORS, errorResponses } from './routes.ts';
import { ChatbotPath, id, time } from './schemas.ts';

const SessionVisitorSchema = z
  .object({
    name: z.string().nullish().openapi({ description: 'The name; 1 to 255 characters.', example: 'Ada' }),
    email: z.string().nullish().openapi({ description: 'The email address.', example: 'ada@example.com' }),
    custom_data: z
      .record(z.string(), z.unknown())
      .nullish()
      .openapi({ description: 'Further data about the visitor; at most 16 kB.', example: { plan: 'pro' } }),
  })
  .openapi('SessionVisitor', {
    description: 'Details that the visitor states. They are shown as unverified, and find no known visitor.',
  });

const identityField = z.string().optional().openapi({
  description:
    'A JWT with `exp` and `user_id`, signed by your server with the identity secret of the chatbot (HS256) or with a key of its `jwksUrl` (RS256, ES256).',
  example: 'eyJ…',
});

/** The body of a request for a session. */
const SessionRequestSchema = z
  .object({
    identity: identityField,
    visitor: SessionVisitorSchema.optional().openapi({ example: { name: 'Ada', email: 'ada@example.com' } }),
  })
  .openapi('SessionRequest', { description: 'The visitor of a new session.' });

/** The body of a renewal. */
const RenewalRequestSchema = z
  .object({
    renewal_token: z.string().openapi({
      description: 'The renewal token that came with the current token.',
      example: 'icr_019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c4f.0.…',
    }),
    identity: identityField,
  })
  .openapi('RenewalRequest', { description: 'The session to renew.' });

/** A session as responses have it. */
const SessionSchema = z
  .object({
    token: z.string().openapi({ description: 'The token, which goes where API keys go.', example: 'ics_…' }),
    expires_at: time.openapi({ description: 'The time when the token expires: ISO 8601 in UTC.' }),
    renewal_token: z.string().openapi({
      description:
        'The credential that renews the session once, within 30 days. Keep it in memory, or where only your page reads it.',
      example: 'icr_019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c4f.1.…',
    }),
    visitor_id: id.openapi({ description: 'The id of the visitor.' }),
  })
  .openapi('Session', { description: 'A session of a visitor.' });

const PUBLIC_ERRORS = [
  ...['MALFORMED_BODY', 'INVALID_INPUT', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
  ...['ORIGIN_NOT_ALLOWED', 'VISITOR_BLOCKED'],
] as const;

const openRoute = createRoute({
  method: 'post',
  path: '/chatbots/{chatbot_id}/sessions',
  operationId: 'openSession',
  tags: ['Sessions'],
  summary: 'Open a session',
  description:
    'Opens a session of a new visitor for a page whose origin the public chatbot allows. Needs no key. The body may be absent.',
  security: [],
  request: { params: ChatbotPath, body: { content: { 'application/json': { schema: SessionRequestSchema } } } },
  responses: {
    201: { description: 'The session.', content: { 'application/json': { schema: SessionSchema } } },
    ...errorResponses('NOT_FOUND', 'CHATBOT_PAUSED', ...PUBLIC_ERRORS, ...COMMON_ERRORS),
  },
});

const renewRoute = createRoute({
  method: 'post',
  path: '/sessions/renew',
  operationId: 'renewSession',
  tags: ['Sessions'],
  summary: 'Renew a session',
  description:
    'Gives a new token for the same visitor, and the next renewal token. An `identity` makes an anonymous visitor the identified one, with its conversations. Needs no key. Within 10 seconds a renewal token gives the same successor again, for tabs that renew together; after that, using it again ends the session.',
  security: [],
  request: { body: { required: true, content: { 'application/json': { schema: RenewalRequestSchema } } } },
  responses: {
    200: { description: 'The renewed session.', content: { 'application/json': { schema: SessionSchema } } },
    ...errorResponses('NOT_FOUND', ...PUBLIC_ERRORS, ...COMMON_ERRORS),
  },
});

/** Adds the routes of sessions, which need no credential. They come before the authentication of all others. */
export function addSessions(app: OpenAPIHono<RestEnv>): void {
  // The framework only documents the routes; the handlers read the bodies.
  app.openAPIRegistry.registerPath(openRoute);
  app.openAPIRegistry.registerPath(renewRoute);
  app.post(openRoute.getRoutingPath(), async (c: Context<RestEnv>) => {
    const { sessions } = c.env;
    await sessions.countRequest();
    const body = parse(SessionRequestSchema, await readOptionalJson(c.req.raw));
    const { visitor, identity } = body;
    const opened = await sessions.open(c.req.param('chatbot_id') ?? '', {
      identity,
      visitor: visitor && { name: visitor.name, email: visitor.email, customData: visitor.custom_data },
    });
    return c.json(toSession(opened), 201);
  });
  app.post(renewRoute.getRoutingPath(), async (c: Context<RestEnv>) => {
    const { sessions } = c.env;
    await sessions.countRequest();
    const body = parse(RenewalRequestSchema, await readJson(c.req.raw));
    const { renewal_token: renewalToken, identity } = body;
    return c.json(toSession(await sessions.renew({ renewalToken, identity })), 200);
  });
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw toInvalidInput(parsed.error);
  return parsed.data;
}

/** Reads a JSON body; an absent one is an empty object. */
async function readOptionalJson(request: Request): Promise<unknown> {
  try {
    return await readJson(request);
  } catch (error) {
    if (error instanceof MalformedBodyError && isEmpty(request)) return {};
    throw error;
  }
}

const isEmpty = ({ headers }: Request): boolean =>
  headers.get('Transfer-Encoding') === null && Number(headers.get('Content-Length') ?? 0) === 0;

const toSession = ({ token, expiresAt, renewalToken, visitorId }: OpenedSession) => ({
  token,
  expires_at: expiresAt,
  renewal_token: renewalToken,
  visitor_id: visitorId,
});
