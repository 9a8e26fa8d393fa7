import type { OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Channel } from '../../domain/entities.ts';
import { InvalidInputError, type RefusalError, requireFound } from '../../domain/errors.ts';
import { omitUndefined } from '../../domain/input.ts';
import type { DeliveryStatus, WebhookSchedule } from '../../domain/webhooks.ts';
import { readJson } from './body.ts';
import type { RestEnv, RestOptions } from './context.ts';
import {
  CreateWebhookDocument,
  DeleteWebhookDocument,
  GetWebhookDocument,
  ListWebhookDeliveriesDocument,
  ListWebhooksDocument,
  RotateWebhookSecretDocument,
  TestWebhookDocument,
  UpdateWebhookDocument,
} from './documents.ts';
import { CodedError, toInvalidInput } from './errors.ts';
import { sendList } from './pages.ts';
import { toDelivery, toWebhook } from './webhook-mappers.ts';
import {
  createWebhookRoute,
  deleteWebhookRoute,
  getWebhookRoute,
  listDeliveriesRoute,
  listWebhooksRoute,
  rotateWebhookRoute,
  testWebhookRoute,
  updateWebhookRoute,
} from './webhook-routes.ts';
import { CreateWebhookSchema, EVENTS_BY_WIRE_NAME, TestWebhookSchema, UpdateWebhookSchema } from './webhook-schemas.ts';

/** The default page size of deliveries, of which a webhook may have many. */
const DELIVERIES_PER_PAGE = 100;

/** Adds the webhook endpoints. */
export function addWebhooks(app: OpenAPIHono<RestEnv>, options: RestOptions): void {
  addRoutesWithoutBody(app, options);
  addRoutesWithBody(app);
}

function addRoutesWithoutBody(app: OpenAPIHono<RestEnv>, { onError }: RestOptions): void {
  app.openapi(listWebhooksRoute, (c) =>
    sendList(c, {
      query: c.req.valid('query'),
      read: async (page) => (await c.var.graph.query(ListWebhooksDocument, page)).webhookSubscriptions,
      toModel: toWebhook,
      onError,
    }),
  );

  app.openapi(getWebhookRoute, async (c) => {
    const id = c.req.valid('param').webhook_id;
    const { webhookSubscription } = await c.var.graph.query(GetWebhookDocument, { id });
    return c.json(toWebhook(requireFound('Webhook', webhookSubscription)), 200);
  });

  app.openapi(listDeliveriesRoute, (c) => {
    const id = c.req.valid('param').webhook_id;
    const { status, limit = DELIVERIES_PER_PAGE, after } = c.req.valid('query');
    const filter = status && { statuses: [toUpper<DeliveryStatus>(status)] };
    return sendList(c, {
      query: { limit, after },
      read: async (page) => {
        const { webhookSubscription } = await c.var.graph.query(ListWebhookDeliveriesDocument, {
          ...{ id, filter, ...page },
        });
        return requireFound('Webhook', webhookSubscription).deliveries;
      },
      toModel: toDelivery,
      onError,
    });
  });

  app.openapi(deleteWebhookRoute, async (c) => {
    const input = { id: c.req.valid('param').webhook_id };
    const { deleteWebhookSubscription } = await c.var.graph.query(DeleteWebhookDocument, { input });
    if (deleteWebhookSubscription.__typename !== 'DeleteWebhookSubscriptionPayload') throw new CodedError('NOT_FOUND');
    return c.json({ deleted_id: deleteWebhookSubscription.deletedId }, 200);
  });

  app.openapi(rotateWebhookRoute, async (c) => {
    const input = { id: c.req.valid('param').webhook_id };
    const { rotateWebhookSecret: result } = await c.var.graph.query(RotateWebhookSecretDocument, { input });
    if (result.__typename !== 'RotateWebhookSecretPayload') throw toRefusal(result);
    return c.json({ ...toWebhook(result.webhookSubscription), secret: result.secret }, 200);
  });
}

/** Adds the routes with a body. The framework only documents them; `readBody` reads the bodies. */
function addRoutesWithBody(app: OpenAPIHono<RestEnv>): void {
  for (const route of [createWebhookRoute, updateWebhookRoute, testWebhookRoute]) {
    app.openAPIRegistry.registerPath(route);
  }

  app.post(createWebhookRoute.getRoutingPath(), async (c) => {
    const { chatbot_id, ...body } = await readBody(c, CreateWebhookSchema);
    const fields = toGraphQLInput(body);
    const input = { ...fields, chatbotId: chatbot_id, url: body.url, events: fields.events ?? [] };
    const { createWebhookSubscription: result } = await c.var.graph.query(CreateWebhookDocument, { input });
    if (result.__typename !== 'CreateWebhookSubscriptionPayload') throw toRefusal(result, body.headers);
    return c.json({ ...toWebhook(result.webhookSubscription), secret: result.secret });
  });

  app.patch(updateWebhookRoute.getRoutingPath(), async (c) => {
    const { is_active, ...body } = await readBody(c, UpdateWebhookSchema);
    const fields = { ...toGraphQLInput(body), isActive: is_active ?? undefined };
    // The compiled executor takes undefined fields for null, which would clear them.
    const input = { ...omitUndefined(fields), id: c.req.param('webhook_id') };
    const { updateWebhookSubscription: result } = await c.var.graph.query(UpdateWebhookDocument, { input });
    if (result.__typename !== 'UpdateWebhookSubscriptionPayload') throw toRefusal(result, body.headers);
    return c.json(toWebhook(result.webhookSubscription));
  });

  app.post(testWebhookRoute.getRoutingPath(), async (c) => {
    const { event } = await readBody(c, TestWebhookSchema);
    const input = { id: c.req.param('webhook_id'), event: toEventName(event) };
    const { sendTestWebhook: result } = await c.var.graph.query(TestWebhookDocument, { input });
    if (result.__typename !== 'SendTestWebhookPayload') throw toRefusal(result);
    return c.json(toDelivery(result.webhookDelivery));
  });
}

async function readBody<S extends z.ZodType>(c: Context<RestEnv>, model: S): Promise<z.output<S>> {
  const body = model.safeParse(await readJson(c.req.raw));
  if (!body.success) throw toInvalidInput(body.error);
  return body.data;
}

type Body = Partial<z.output<typeof UpdateWebhookSchema>>;

/** Converts the fields of a body to GraphQL input; those that are absent or null, which means the same here, are undefined. */
function toGraphQLInput({ url, events, description, channels, schedule, headers }: Body) {
  return {
    ...{ url: url ?? undefined, description: description ?? undefined },
    events: events?.map(toEventName),
    channels: channels?.map((channel) => toUpper<Channel>(channel)),
    schedule: schedule ? toUpper<WebhookSchedule>(schedule) : undefined,
    headers: headers ? Object.entries(headers).map(([name, value]) => ({ name, value })) : undefined,
  };
}

function toEventName(wireName: string) {
  const name = EVENTS_BY_WIRE_NAME[wireName];
  if (name === undefined) throw new Error(`${wireName} is no event.`);
  return name;
}

const toUpper = <T extends string>(name: Lowercase<T>): T => name.toUpperCase() as T;

type MutationError =
  | { readonly __typename: 'NotFoundError' }
  | {
      readonly __typename: 'InvalidInputError';
      readonly fields: readonly { readonly path: readonly string[]; readonly message: string }[];
    };

/** Converts a GraphQL error. In its paths, the name of a header replaces the header's index. */
function toRefusal(error: MutationError, headers: Readonly<Record<string, string>> | null = {}): RefusalError {
  if (error.__typename === 'NotFoundError') return new CodedError('NOT_FOUND');
  const names = Object.keys(headers ?? {});
  return new InvalidInputError(
    error.fields.map(({ path: [field, index, ...others], message }) => ({
      path: [field, field === 'headers' && index ? names[Number(index)] : index, ...others].filter(
        (part) => part !== undefined,
      ),
      message,
    })),
  );
}
