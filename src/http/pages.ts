import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Page, PageWithAssets, StaticDocument, StaticResource } from '../web/static-resources.ts';
import { sendRestError } from './operator.ts';

/** The parts of an exchange that pages use. */
interface PageExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
}

/** The Content-Security-Policy of every response that is not a page. Such a response runs and loads nothing. */
export const RESPONSE_POLICY = "default-src 'none'; frame-ancestors 'none'";

const PAGE_HEADERS = {
  'Cache-Control': 'no-cache',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // Browsers would resolve the hosts of links before a click.
  'X-DNS-Prefetch-Control': 'off',
};

// A page may create workers from its scripts. The policy of the script also applies to its worker: the browser blocks
// all requests of the worker. The workers of our pages make none.
const ASSET_HEADERS = {
  'Cache-Control': 'public, max-age=31536000, immutable',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Content-Security-Policy': RESPONSE_POLICY,
};

/** The methods of everything that clients can only read. */
export const READ_METHODS: readonly string[] = ['GET', 'HEAD'];

/** A page that is prepared on its first request. */
export interface PageRoute {
  sendPage(exchange: PageExchange): Promise<void>;
  /** Sends the file at the path of the exchange; responds with 404 if the page has no such file. */
  sendAsset(exchange: PageExchange): Promise<void>;
}

/** Creates the route of a page and its files. */
export function createPageRoute(prepare: () => Promise<PageWithAssets>): PageRoute {
  let preparing: Promise<PageWithAssets> | undefined;
  const prepareOnce = () => {
    preparing ??= prepare();
    return preparing;
  };
  return {
    async sendPage(exchange) {
      if (refuseMethod(exchange)) return;
      const { page } = await prepareOnce();
      // Programs get GraphQL at the same path.
      exchange.response.appendHeader('Vary', 'Accept');
      send(exchange, page, pageHeaders(page), isCachedByClient(exchange.request, page));
    },
    async sendAsset(exchange) {
      if (refuseMethod(exchange)) return;
      const { assets } = await prepareOnce();
      const asset = assets.find(({ path }) => path === exchange.path);
      if (asset === undefined) sendRestError(exchange.response, 'NOT_FOUND');
      else send(exchange, asset, ASSET_HEADERS);
    },
  };
}

/** Creates the route of a document that is prepared on its first request. */
export function createDocumentRoute(prepare: () => Promise<StaticDocument>): (exchange: PageExchange) => Promise<void> {
  let preparing: Promise<StaticDocument> | undefined;
  return async (exchange) => {
    if (refuseMethod(exchange)) return;
    preparing ??= prepare();
    const document = await preparing;
    const headers = { 'Cache-Control': 'no-cache', ETag: document.etag };
    send(exchange, document, headers, isCachedByClient(exchange.request, document));
  };
}

/**
 * Responds with 405 to all methods except GET and HEAD.
 * @returns whether it did.
 */
function refuseMethod({ request, response }: PageExchange): boolean {
  if (READ_METHODS.includes(request.method ?? '')) return false;
  response.setHeader('Allow', READ_METHODS.join(', '));
  sendRestError(response, 'METHOD_NOT_ALLOWED');
  return true;
}

function pageHeaders({ etag, policy }: Page): Record<string, string> {
  return { ...PAGE_HEADERS, ETag: etag, 'Content-Security-Policy': policy };
}

function send(
  { request, response }: PageExchange,
  { type, body, gzipped }: StaticResource,
  headers: Record<string, string>,
  isUnchanged = false,
): void {
  // Appended, because every response already varies by `Origin` if pages of other origins may read it.
  response.appendHeader('Vary', 'Accept-Encoding');
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
function isCachedByClient({ headers }: IncomingMessage, { etag }: StaticDocument): boolean {
  const etags = String(headers['if-none-match'] ?? '')
    .split(',')
    .map((tag) => tag.trim());
  return etags.includes('*') || etags.some((tag) => tag.replace(/^W\//, '') === etag.slice(2));
}
