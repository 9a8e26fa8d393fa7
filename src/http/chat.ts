import type { IncomingMessage, ServerResponse } from 'node:http';
import { DEMO_CHATBOT_ID } from '../demo.ts';
import type { Deps } from '../deps.ts';
import { listPagedChatbots, type PagedChatbot } from '../store/chat-pages.ts';
import { type Asset, type ChatAssets, readChatAssets } from '../web/chat-assets.ts';
import { type HtmlPage, renderChatPage, renderNotice } from '../web/chat-page.ts';
import { isLocalVisit, isOwnPage } from './local-visit.ts';
import { sendDetail, sendJson } from './operator.ts';

/** What of an exchange is looked at. */
interface ChatExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

type ChatDeps = Pick<Deps, 'config' | 'db' | 'keyring'>;

const EXAMPLES = [
  'How do I follow an answer while it is written?',
  'What happens to an answer when the gateway is killed?',
  'How do I back up the database?',
];

const NOT_FOUND = {
  title: 'No such chatbot',
  text: 'There is no chatbot at this address. Check the id or the name at its end.',
};

/** Why a chatbot has no page here; each says what is missing. */
const REFUSALS = {
  other: {
    title: 'This chatbot has no page yet',
    text: 'Pages for visitors need session tokens, which this version of ChatGraph does not have. Only the demo chatbot has a page, on the computer that ChatGraph runs on. Until then, use the API with a key.',
  },
  production: {
    title: 'No chat page in production',
    text: 'Pages for visitors need session tokens, which this version of ChatGraph does not have. The page of the demo chatbot is for trying things out, and is closed while NODE_ENV is production.',
  },
  remote: {
    title: 'This page is open on one computer only',
    text: 'The page of the demo chatbot works on the computer that ChatGraph runs on, at http://127.0.0.1 or http://localhost, and not through a proxy. Pages for visitors need session tokens, which this version does not have.',
  },
} as const;

/**
 * Answers under `/chat`: the page of a chatbot at its id or slug, the files of the page, and the page's own credential,
 * which `POST …/session` gives to the page of the demo chatbot on this machine and to nobody else.
 */
export function createChatRoute(deps: ChatDeps): (exchange: ChatExchange) => Promise<void> {
  let reading: Promise<ChatAssets> | undefined;

  async function sendPage(exchange: ChatExchange, name: string): Promise<void> {
    reading ??= readChatAssets();
    const assets = await reading;
    const chatbot = await findPaged(deps, name);
    if (chatbot === undefined) return sendHtml(exchange, 404, renderNotice(assets, NOT_FOUND));
    const refusal = refuse(deps, exchange.request, chatbot);
    if (refusal !== undefined) return sendHtml(exchange, 403, renderNotice(assets, REFUSALS[refusal]));
    const content = {
      chatbotId: chatbot.id,
      name: chatbot.name,
      examples: EXAMPLES,
      host: exchange.request.headers.host ?? '',
    };
    sendHtml(exchange, 200, renderChatPage(assets, content));
  }

  async function sendAsset({ request, response, path }: ChatExchange): Promise<void> {
    reading ??= readChatAssets();
    const asset: Asset | undefined = Object.values(await reading).find((file) => file.path === path);
    if (asset === undefined) return sendDetail(response, 'NOT_FOUND');
    const isGzipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    response.writeHead(200, {
      'Content-Type': asset.type,
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
      ...(isGzipped && { 'Content-Encoding': 'gzip' }),
    });
    response.end(isGzipped ? asset.gzipped : asset.body);
  }

  async function sendSession({ request, response }: ChatExchange, name: string): Promise<void> {
    response.setHeader('Cache-Control', 'no-store');
    const chatbot = await findPaged(deps, name);
    if (chatbot === undefined) return sendDetail(response, 'NOT_FOUND');
    const refusal = refuse(deps, request, chatbot);
    if (refusal !== undefined) return sendDetail(response, 'FORBIDDEN', REFUSALS[refusal].text);
    if (!isOwnPage(request)) return sendDetail(response, 'FORBIDDEN', 'Only the page itself may ask for this.');
    sendJson(response, 200, { key: deps.keyring.lendPageKey(chatbot.accountId) });
  }

  return async (exchange) => {
    const [, , name = '', ...rest] = exchange.path.split('/');
    const isSession = rest.join('/') === 'session';
    const allowed = isSession ? ['POST'] : ['GET', 'HEAD'];
    if (!allowed.includes(exchange.request.method ?? '')) {
      exchange.response.setHeader('Allow', allowed.join(', '));
      return sendDetail(exchange.response, 'METHOD_NOT_ALLOWED');
    }
    if (isSession) return sendSession(exchange, name);
    return name === 'assets' && rest.length > 0 ? sendAsset(exchange) : sendPage(exchange, [name, ...rest].join('/'));
  };
}

/** The chatbot at an address; where several accounts have the slug, the demo's, else the oldest. */
async function findPaged({ db }: ChatDeps, name: string): Promise<PagedChatbot | undefined> {
  const found = await listPagedChatbots(db.read, name.replace(/\/$/, ''));
  return found.find(({ id }) => id === DEMO_CHATBOT_ID) ?? found[0];
}

function refuse(
  { config }: ChatDeps,
  request: IncomingMessage,
  { id }: PagedChatbot,
): keyof typeof REFUSALS | undefined {
  if (id !== DEMO_CHATBOT_ID) return 'other';
  if (config.isProduction) return 'production';
  return isLocalVisit(config, request) ? undefined : 'remote';
}

function sendHtml({ response }: ChatExchange, status: number, { html, policy }: HtmlPage): void {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': policy,
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  response.end(html);
}
