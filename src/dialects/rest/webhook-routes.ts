import { createRoute, z } from '@hono/zod-openapi';
import { COMMON_ERRORS, errorResponses, linkHeader } from './routes.ts';
import { PageQuery } from './schemas.ts';
import {
  CreateWebhookSchema,
  DeletedSchema,
  DeliveriesQuery,
  DeliverySchema,
  NewWebhookSchema,
  TestWebhookSchema,
  UpdateWebhookSchema,
  WebhookPath,
  WebhookSchema,
} from './webhook-schemas.ts';

const tags = ['Webhooks'];
const ITEM_PATH = '/webhooks/{webhook_id}';
const BODY_ERRORS = ['MALFORMED_BODY', 'INVALID_INPUT', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const;

const jsonResponse = <S extends z.ZodType>(description: string, schema: S) => ({
  description,
  content: { 'application/json': { schema } },
});
const jsonBody = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
});

/** `GET /webhooks` */
export const listWebhooksRoute = createRoute({
  method: 'get',
  path: '/webhooks',
  operationId: 'listWebhooks',
  tags,
  summary: 'List webhooks',
  description: 'Lists the webhooks of the account, newest first. Needs the scope `manage`.',
  request: { query: PageQuery },
  responses: {
    200: { ...jsonResponse('The webhooks.', z.array(WebhookSchema)), headers: linkHeader },
    ...errorResponses('BAD_USER_INPUT', ...COMMON_ERRORS),
  },
});

/** `POST /webhooks` */
export const createWebhookRoute = createRoute({
  method: 'post',
  path: '/webhooks',
  operationId: 'createWebhook',
  tags,
  summary: 'Subscribe an endpoint',
  description: 'Subscribes an endpoint to future events. An account has at most 50 webhooks. Needs the scope `manage`.',
  request: { body: jsonBody(CreateWebhookSchema) },
  responses: {
    200: jsonResponse('The webhook with its secret, which is never shown again.', NewWebhookSchema),
    ...errorResponses(...BODY_ERRORS, 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `GET /webhooks/{webhook_id}` */
export const getWebhookRoute = createRoute({
  method: 'get',
  path: ITEM_PATH,
  operationId: 'getWebhook',
  tags,
  summary: 'Get a webhook',
  description: 'Returns a webhook. Needs the scope `manage`.',
  request: { params: WebhookPath },
  responses: { 200: jsonResponse('The webhook.', WebhookSchema), ...errorResponses('NOT_FOUND', ...COMMON_ERRORS) },
});

/** `PATCH /webhooks/{webhook_id}` */
export const updateWebhookRoute = createRoute({
  method: 'patch',
  path: ITEM_PATH,
  operationId: 'updateWebhook',
  tags,
  summary: 'Change a webhook',
  description:
    'Changes the given fields. `is_active: true` clears `disabled_reason` and `failing_since`. Needs the scope `manage`.',
  request: { params: WebhookPath, body: jsonBody(UpdateWebhookSchema) },
  responses: {
    200: jsonResponse('The webhook as it is now.', WebhookSchema),
    ...errorResponses(...BODY_ERRORS, 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `DELETE /webhooks/{webhook_id}` */
export const deleteWebhookRoute = createRoute({
  method: 'delete',
  path: ITEM_PATH,
  operationId: 'deleteWebhook',
  tags,
  summary: 'Delete a webhook',
  description: 'Deletes a webhook with its deliveries, pending ones included. Needs the scope `manage`.',
  request: { params: WebhookPath },
  responses: {
    200: jsonResponse('The id of the deleted webhook.', DeletedSchema),
    ...errorResponses('NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `POST /webhooks/{webhook_id}/test` */
export const testWebhookRoute = createRoute({
  method: 'post',
  path: `${ITEM_PATH}/test`,
  operationId: 'testWebhook',
  tags,
  summary: 'Send a test',
  description:
    'Sends a sample event, signed and retried like any other, even if the webhook does not subscribe to such events. A webhook that is switched off (`is_active: false`) gets no test: the response is 400, and nothing is sent. Needs the scope `manage`.',
  request: { params: WebhookPath, body: jsonBody(TestWebhookSchema) },
  responses: {
    200: jsonResponse('The new delivery, which the gateway attempts at once.', DeliverySchema),
    ...errorResponses(...BODY_ERRORS, 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `POST /webhooks/{webhook_id}/rotate-secret` */
export const rotateWebhookRoute = createRoute({
  method: 'post',
  path: `${ITEM_PATH}/rotate-secret`,
  operationId: 'rotateWebhookSecret',
  tags,
  summary: 'Replace the secret',
  description:
    'Replaces the secret. For 24 hours, requests are signed with the old secret too. Needs the scope `manage`.',
  request: { params: WebhookPath },
  responses: {
    200: jsonResponse('The webhook with its new secret, which is never shown again.', NewWebhookSchema),
    ...errorResponses('INVALID_INPUT', 'NOT_FOUND', ...COMMON_ERRORS),
  },
});

/** `GET /webhooks/{webhook_id}/deliveries` */
export const listDeliveriesRoute = createRoute({
  method: 'get',
  path: `${ITEM_PATH}/deliveries`,
  operationId: 'listWebhookDeliveries',
  tags,
  summary: 'List deliveries',
  description:
    'Lists the deliveries of a webhook, newest first: at most 100 per request, even without `limit`. Needs the scope `manage`.',
  request: { params: WebhookPath, query: DeliveriesQuery },
  responses: {
    200: { ...jsonResponse('The deliveries.', z.array(DeliverySchema)), headers: linkHeader },
    ...errorResponses('BAD_USER_INPUT', 'NOT_FOUND', ...COMMON_ERRORS),
  },
});
