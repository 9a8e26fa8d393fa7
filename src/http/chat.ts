import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DemoChatbot, findDemoChatbot } from '../demo.ts';
import type { Deps } from '../deps.ts';
import { prepareChatPage } from '../web/chat-page.ts';
import { addressOf, secretIn } from './auth.ts';
import { isLoopback, sendJson, sendRestError } from './operator.ts';
import { createPageRoute, type PageRoute, READ_METHODS } from './pages.ts';

/** The parts of an exchange that the route uses. */
interface ChatExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

type ChatDeps = Pick<Deps, 'config' | 'db' | 'keyring'>;

/** The route of the chat page. */
export interface ChatRoute extends PageRoute {
  /** Responds to requests under `/chat`. */
  handle(exchange: ChatExchange): Promise<void>;
  /** Lists the methods of a path under `/chat`: none if it does not exist. */
  listMethods(path: string): readonly string[];
}

const EXAMPLES = [
  'How do I follow an answer while it is written?',
  'What happens to an answer when the gateway is killed?',
  'How do I back up the database?',
];

/**
 * Creates the route of the chat page. `GET /chat/<name>` serves the same page for every name. `POST
 * /chat/<name>/session` exchanges the secret in the demo link for a session token. Every refused POST gets the same
 * 404, which reveals nothing about names, secrets or settings.
 */
export function createChatRoute(deps: ChatDeps): ChatRoute {
  const page = createPageRoute(prepareChatPage);

  async function openSession({ request, response }: ChatExchange, name: string): Promise<void> {
    response.setHeader('Cache-Control', 'no-store');
    const { sessions } = deps.keyring;
    const isSecretValid = sessions.chatSecret.matches(secretIn(request));
    const chatbot = isSecretValid && isDemoAllowed(deps, request) ? await findDemoChatbot(deps) : undefined;
    if (chatbot === undefined || !isNamed(chatbot, name)) return sendRestError(response, 'NOT_FOUND');
    const { token, conversationId } = sessions.open(chatbot);
    sendJson(response, 200, {
      token,
      conversationId,
      chatbot: { id: chatbot.id, name: chatbot.name },
      maxMessageChars: deps.config.maxMessageChars,
      examples: EXAMPLES,
    });
  }

  return {
    ...page,
    async handle(exchange) {
      const { request, response, path } = exchange;
      const target = parsePath(path);
      if (target === undefined) return sendRestError(response, 'NOT_FOUND');
      if (!target.isSession) return page.sendPage(exchange);
      if (request.method === 'POST') return openSession(exchange, target.name);
      response.setHeader('Allow', 'POST');
      sendRestError(response, 'METHOD_NOT_ALLOWED');
    },
    listMethods(path) {
      const target = parsePath(path);
      if (target === undefined) return [];
      return target.isSession ? ['POST'] : READ_METHODS;
    },
  };
}

/** The parts of a path under `/chat`; undefined if it does not exist. */
function parsePath(path: string): { name: string; isSession: boolean } | undefined {
  const [, , name = '', ...remaining] = path.split('/');
  const action = remaining.join('/');
  return name === '' || (action !== '' && action !== 'session') ? undefined : { name, isSession: action !== '' };
}

/** Whether a request may open a demo session: only outside production, and only from this machine. */
function isDemoAllowed(deps: ChatDeps, request: IncomingMessage): boolean {
  const addresses = [request.socket.remoteAddress ?? '', addressOf(deps, request)];
  return !deps.config.isProduction && addresses.every(isLoopback);
}

function isNamed({ id, slug }: DemoChatbot, name: string): boolean {
  return name === slug || name.toLowerCase() === id;
}
