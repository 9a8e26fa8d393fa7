import { readFile } from 'node:fs/promises';
import { buildSchema } from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GeneratedFile, generateFiles } from '../codegen.ts';

describe('codegen', () => {
  let files: GeneratedFile[];
  beforeAll(async () => {
    files = await generateFiles();
  });

  const contentOf = (path: string) => files.find((file) => file.path === path)?.content ?? '';

  it.each([
    ...['schema/schema.graphql', 'schema/webhooks.graphql', 'schema/possible-types.json'],
    'schema/visibility.md',
    ...['schema/graphcache-keys.json', 'src/dialects/rest/documents.ts', 'src/web/chat/documents.ts'],
    ...['clients/typescript/src/documents.ts', 'src/operations/documents.ts', 'docs/examples/inbox/documents.ts'],
    ...['docs/examples/react-apollo/documents.ts', 'docs/examples/react-urql/documents.ts'],
  ])('has %s up to date', async (path) => {
    expect(contentOf(path)).toBe(await readFile(new URL(`../${path}`, import.meta.url), 'utf8'));
  });

  it('prints what webhook documents select from as a schema of its own', () => {
    const [published, webhooks] = ['schema/schema.graphql', 'schema/webhooks.graphql'].map(contentOf);
    const sdl = buildSchema(webhooks ?? '');
    expect(String(sdl.getSubscriptionType()?.getFields().event?.type)).toBe('WebhookPayload!');
    expect(webhooks).toContain('type MessageCompletedWebhook implements WebhookPayload {');
    expect(webhooks).not.toMatch(/^type (Account|Mutation|WebhookSubscription) /m);
    expect(published).toContain('enum WebhookEventType {');
    expect(published).not.toMatch(/\bWebhookPayload|Webhook implements/);
  });

  it('prints the members of interfaces and unions, and the types without an id', () => {
    const possibleTypes = JSON.parse(contentOf('schema/possible-types.json'));
    expect(possibleTypes.SendMessageResult).toContain('SendMessagePayload');
    expect(possibleTypes.ConversationEvent).toContain('MessageDelta');
    const keys = JSON.parse(contentOf('schema/graphcache-keys.json'));
    expect(keys).toMatchObject({ PageInfo: null, SendMessagePayload: null, ConversationConnection: null });
    for (const type of ['Query', 'Mutation', 'Subscription', 'Message', 'Node', '__Type']) {
      expect(keys).not.toHaveProperty(type);
    }
  });

  it('prints a sorted schema with descriptions and one newline at the end', () => {
    const sdl = contentOf('schema/schema.graphql');
    expect(sdl).toMatch(/"""The credential of this request\."""\ntype Viewer \{/);
    expect(sdl).toMatch(/[^\n]\n$/);
    const types = [...sdl.matchAll(/^(?:type|enum|input|interface|scalar|union) (\w+)/gm)].map(([, name]) => name);
    expect(types).toEqual(types.toSorted((a = '', b = '') => a.localeCompare(b, 'en')));
  });
});
