import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Document, Page, PageWithAssets, Prepared } from '../web/prepared.ts';
import { sendDetail } from './operator.ts';

/** The parts of an exchange that pages use. */
interface PageExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

/** The Content-Security-Policy of every response that is not a page: a browser that opens it runs and loads nothing. */
export const RESPONSE_POLICY = "default-src 'none'; frame-ancestors 'none'";

const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Browsers would resolve the hosts of links before a click.
  'X-DNS-Prefetch-Control': 'off',
};

// This policy also applies to workers created from the scripts, which need no requests.
const ASSET_HEADERS = {
  'Cache-Control': 'public, max-age=31536000, immutable',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': RESPONSE_POLICY,
  Vary: 'Accept-Encoding',
};

/** A page that is prepared on its first request. */
export interface PageRoute {
  sendPage(exchange: PageExchange): Promise<void>;
  /** Sends the file at the path of the exchange; 404 if the page has none. */
  sendAsset(exchange: PageExchange): Promise<void>;
}

/** Creates the route of a page and its files. */
export function createPageRoute(prepare: () => Promise<PageWithAssets>): PageRoute {
  let preparing: Promise<PageWithAssets> | undefined;
  const prepared = () => {
    preparing ??= prepare();
    return preparing;
  };
  return {
    async sendPage(exchange) {
      if (refuseMethod(exchange)) return;
      const { page } = await prepared();
      send(exchange, page, pageHeaders(page), isCachedByClient(exchange.request, page));
    },
    async sendAsset(exchange) {
      if (refuseMethod(exchange)) return;
      const { assets } = await prepared();
      const asset = assets.find(({ path }) => path === exchange.path);
      if (asset === undefined) sendDetail(exchange.response, 'NOT_FOUND');
      else send(exchange, asset, ASSET_HEADERS);
    },
  };
}

/** Creates the route of a document that is prepared on its first request. */
export function createDocumentRoute(prepare: () => Promise<Document>): (exchange: PageExchange) => Promise<void> {
  let preparing: Promise<Document> | undefined;
  return async (exchange) => {
    if (refuseMethod(exchange)) return;
    preparing ??= prepare();
    const document = await preparing;
    const headers = { 'Cache-Control': 'no-cache', ETag: document.etag, Vary: 'Accept-Encoding' };
    send(exchange, document, headers, isCachedByClient(exchange.request, document));
  };
}

/**
 * Responds with 405 to all methods except GET and HEAD.
 * @returns whether it did.
 */
export function refuseMethod({ request, response }: PageExchange): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false;
  response.setHeader('Allow', 'GET, HEAD');
  sendDetail(response, 'METHOD_NOT_ALLOWED');
  return true;
}

function pageHeaders({ etag, policy }: Page): Record<string, string> {
  return { ...PAGE_HEADERS, ETag: etag, 'Content-Security-Policy': policy, Vary: 'Accept, Accept-Encoding' };
}

function send(
  { request, response }: PageExchange,
  { type, body, gzipped }: Prepared,
  headers: Record<string, string>,
  isUnchanged = false,
): void {
  if (isUnchanged) {
    response.writeHead(304, headers).end();
    return;
  }
  const isGzipped = acceptsGzip(request);
  const content = isGzipped ? gzipped : body;
  response.writeHead(200, {
    ...headers,
    'Content-Type': type,
    'Content-Length': content.length,
    ...(isGzipped && { 'Content-Encoding': 'gzip' }),
  });
  response.end(content);
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  const codings = String(headers['accept-encoding'] ?? '').split(',');
  return codings.some((coding) => {
    const [name, weight = 'q=1'] = coding.split(';').map((part) => part.trim().toLowerCase());
    return name === 'gzip' && Number(weight.slice(2)) > 0;
  });
}

/** Whether the browser's cache has the current document. Source: RFC 9110, 13.1.2. */
function isCachedByClient({ headers }: IncomingMessage, { etag }: Document): boolean {
  const etags = String(headers['if-none-match'] ?? '')
    .split(',')
    .map((tag) => tag.trim());
  return etags.includes('*') || etags.some((tag) => tag.replace(/^W\//, '') === etag.slice(2));
}
