import { describe, expect, it } from 'vitest';
import { createChatbot } from '../../../src/chatbots/chatbots.ts';
import { DEMO_CHATBOT_ID } from '../../../src/demo.ts';
import { openGateway } from './support.ts';

interface Operation {
  readonly description?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: { readonly example?: unknown };
  }[];
  readonly requestBody?: { readonly content: { 'application/json': { readonly schema: { readonly $ref: string } } } };
  readonly responses: Record<string, { description?: string; headers?: object; content?: Record<string, object> }>;
}

interface Document {
  readonly openapi: string;
  readonly servers: { url: string }[];
  readonly security: object[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    schemas: Record<string, { properties: Record<string, { example?: unknown }> }>;
    securitySchemes: object;
  };
}

async function readDocument(path = '/v1/openapi.json'): Promise<Document> {
  const gateway = await openGateway();
  const response = await gateway.fetch(path);
  expect(response.status).toBe(200);
  return (await response.json()) as Document;
}

describe('the OpenAPI document', () => {
  it.each(['/v1/openapi.json', '/api/v1/openapi.json', '/v1/openapi.json/'])(
    'can be read without a key at %s',
    async (path) => {
      expect((await readDocument(path)).openapi).toBe('3.1.0');
    },
  );

  it("contains the API's address and its authentication", async () => {
    const { servers, security, components } = await readDocument();
    expect(servers.map(({ url }) => url)).toEqual(['/v1', '/api/v1']);
    expect(security).toEqual([{ apiKey: [] }]);
    expect(components.securitySchemes).toMatchObject({ apiKey: { type: 'http', scheme: 'bearer' } });
  });

  it('contains every endpoint with every possible status', async () => {
    const { paths } = await readDocument();
    const statuses = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => [`${method} ${path}`, Object.keys(responses).join(' ')]),
    );
    expect(Object.fromEntries(statuses)).toEqual({
      'get /chatbots': '200 400 401 403 429 500 503',
      'get /chatbots/{chatbot_id}': '200 401 403 404 429 500 503',
      'get /chatbots/{chatbot_id}/sources': '200 400 401 403 404 429 500 503',
      'get /conversations/{conversation_id}/events': '200 400 401 403 404 429 500 503',
      'get /webhooks': '200 400 401 403 429 500 503',
      'post /webhooks': '200 400 401 403 404 413 415 429 500 503',
      'get /webhooks/{webhook_id}': '200 401 403 404 429 500 503',
      'patch /webhooks/{webhook_id}': '200 400 401 403 404 413 415 429 500 503',
      'delete /webhooks/{webhook_id}': '200 401 403 404 429 500 503',
      'post /webhooks/{webhook_id}/test': '200 400 401 403 404 413 415 429 500 503',
      'post /webhooks/{webhook_id}/rotate-secret': '200 400 401 403 404 429 500 503',
      'get /webhooks/{webhook_id}/deliveries': '200 400 401 403 404 429 500 503',
      'post /chatbots/{chatbot_id}/chat': '200 400 401 403 404 413 415 422 429 500 502 503 504',
      'post /chatbots/{chatbot_id}/sessions': '201 400 401 403 404 413 415 429 500 503',
      'post /sessions/renew': '200 400 401 403 404 413 415 429 500 503',
    });
  });

  it('describes every element with a noun phrase or a verb', async () => {
    const { paths, components } = await readDocument();
    const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
    const schemas = Object.values(components.schemas);
    // The description of a reference is that of the schema it refers to.
    const fields = schemas.flatMap(({ properties }) => Object.values(properties)).filter((field) => !('$ref' in field));
    const responses = operations.flatMap((operation) => Object.values(operation.responses));
    for (const element of [...operations, ...responses, ...schemas, ...fields]) {
      expect(element).toHaveProperty('description', expect.stringMatching(/^(?!(Wh|How\b))./));
    }
  });

  it('says what a webhook that is switched off answers to a test, and how a replayed answer is marked', async () => {
    const { paths } = await readDocument();
    expect(paths['/webhooks/{webhook_id}/test']?.post?.description).toContain('switched off (`is_active: false`)');
    expect(paths['/chatbots/{chatbot_id}/chat']?.post?.responses[200]).toMatchObject({
      headers: { 'Idempotency-Replayed': { schema: { type: 'string', enum: ['true'] } } },
    });
  });

  it('has examples of requests that name the demo chatbot, and can be sent twice', async () => {
    const { paths, components } = await readDocument();
    const gateway = await openGateway();
    await createChatbot(gateway.deps, gateway, { name: 'Demo' }, DEMO_CHATBOT_ID);
    const exampleOf = (schema: string) =>
      Object.fromEntries(
        Object.entries(components.schemas[schema]?.properties ?? {}).map(([name, property]) => [
          name,
          property.example,
        ]),
      );
    expect(exampleOf('CreateWebhook').chatbot_id).toBe(DEMO_CHATBOT_ID);
    expect(exampleOf('ChatbotDetail').id).toBe(DEMO_CHATBOT_ID);
    for (const [template, methods] of Object.entries(paths)) {
      for (const [method, { parameters = [], requestBody }] of Object.entries(methods)) {
        // The examples of these paths name objects that do not exist, or need an origin.
        if (/\{(webhook|conversation)_id\}|\bsessions\b/.test(template)) continue;
        const examples = new Map(parameters.map(({ name, schema }) => [name, schema.example]));
        const path = template.replace(/\{(\w+)\}/g, (_, name) => String(examples.get(name)));
        const headers = Object.fromEntries(
          parameters
            .filter(({ name, in: place }) => place === 'header' && examples.get(name) !== undefined)
            .map(({ name }) => [name, String(examples.get(name))]),
        );
        const schema = requestBody?.content['application/json'].schema.$ref.split('/').at(-1);
        for (const _ of [1, 2]) {
          const { status } = await gateway.send(`/v1${path}`, {
            method: method.toUpperCase(),
            headers: { 'Content-Type': 'application/json', ...headers },
            ...(schema && { body: JSON.stringify(exampleOf(schema)) }),
          });
          expect([method, path, status]).toEqual([method, path, 200]);
        }
      }
    }
  });

  it('rejects other methods with 405', async () => {
    const gateway = await openGateway();
    const response = await gateway.fetch('/v1/openapi.json', { method: 'DELETE' });
    expect(response.status).toBe(405);
    expect(response.headers.get('Allow')).toBe('GET, HEAD');
  });
});
