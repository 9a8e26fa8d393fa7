import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createChatbot } from './chatbots/chatbots.ts';
import type { Deps } from './deps.ts';
import { BUILTIN, PROVIDERS } from './domain/providers.ts';
import { createSource } from './sources/sources.ts';
import { type ChatPageChatbot, findChatPageChatbot } from './store/chat-pages.ts';

/** The id of the demo chatbot, the same in every installation, so that documentation and examples can name it. */
export const DEMO_CHATBOT_ID = '01900000-0000-7000-8000-000000000003';

/** Pages for maintainers. The demo chatbot does not read them, because its visitors ask how to use the gateway. */
const MAINTAINER_PAGES: readonly string[] = ['architecture.md', 'retrieval.md'];

const PACKAGE_ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Creates the demo chatbot, whose sources are this project's README and `docs/`. It uses the model of the first
 * provider with a key in the settings; without such a key, it uses the built-in engine.
 */
export async function seedDemo(
  deps: Pick<Deps, 'db' | 'clock' | 'engines' | 'config' | 'sourceReader' | 'providerAccess'>,
  accountId: string,
): Promise<void> {
  const owner = { accountId };
  const chatbot = await createChatbot(
    deps,
    owner,
    {
      name: 'ChatGraph guide',
      slug: 'demo',
      provider:
        PROVIDERS.find((name) => deps.config.models.access[name].apiKey !== undefined && name !== 'open') ?? BUILTIN,
      instructions: 'Answer questions about ChatGraph from its documentation.',
      fallbackMessage: 'My sources, the documentation of ChatGraph, say nothing about that.',
    },
    DEMO_CHATBOT_ID,
  );
  for (const path of await listDocumentation()) {
    const text = await readFile(join(PACKAGE_ROOT, path), 'utf8');
    const title = /^# +(.+)$/m.exec(text)?.[1] ?? path;
    await createSource(deps, owner, { chatbotId: chatbot.id, title, content: { text } });
  }
}

/** The demo chatbot's fields for its page. */
export type DemoChatbot = ChatPageChatbot;

/** Finds the demo chatbot; undefined if there is none. */
export async function findDemoChatbot({ db }: Pick<Deps, 'db'>): Promise<DemoChatbot | undefined> {
  return findChatPageChatbot(db.read, DEMO_CHATBOT_ID);
}

/** Finds the path of the demo chatbot's page; undefined in production, and if there is no demo chatbot. */
export async function findDemoLink({
  db,
  config,
  keyring,
}: Pick<Deps, 'db' | 'config' | 'keyring'>): Promise<string | undefined> {
  if (config.isProduction) return undefined;
  const demo = await findDemoChatbot({ db });
  return demo && `/chat/${demo.slug}#${keyring.sessions.chatSecret.text}`;
}

async function listDocumentation(): Promise<string[]> {
  const docs = await readdir(join(PACKAGE_ROOT, 'docs')).catch(() => []);
  const pages = docs.filter((name) => name.endsWith('.md') && !MAINTAINER_PAGES.includes(name)).sort();
  return ['README.md', ...pages.map((name) => join('docs', name))];
}
