import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

/** A static response. All clients share its buffers, so that a pending response takes no additional memory. */
export interface StaticResource {
  readonly type: string;
  readonly body: Buffer;
  /** `body`, compressed by gzip. */
  readonly gzipped: Buffer;
}

/** A script, a style sheet or an image of a page. */
export interface Asset extends StaticResource {
  /** The path of the asset, which changes with its content, so that browsers may cache it permanently. */
  readonly path: string;
}

/** A resource at a fixed path, which browsers revalidate at each use. */
export interface StaticDocument extends StaticResource {
  /** Changes with the content. */
  readonly etag: string;
}

/** The HTML of a page. */
export interface Page extends StaticDocument {
  /** The Content-Security-Policy of the page. */
  readonly policy: string;
}

/** A page with all its files. */
export interface PageWithAssets {
  readonly page: Page;
  readonly assets: readonly Asset[];
}

const SCRIPT = 'text/javascript; charset=utf-8';
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  js: SCRIPT,
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The policy directives of every page: nothing from other hosts, and no inline scripts. */
const BASE_DIRECTIVES = ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "img-src 'self' data:"];
/** The directives that forbid forms and a `base` element on every page. */
const DENY_DIRECTIVES = ["base-uri 'none'", "form-action 'none'"];

/**
 * Prepares a file to be served under `/assets/<page>/`.
 * @param name the file name, such as `chat.js`, which may be in a folder; its extension determines the type.
 */
export async function prepareAsset(page: string, name: string, content: string | Buffer): Promise<Asset> {
  const type = CONTENT_TYPES[name.slice(name.lastIndexOf('.') + 1)];
  if (type === undefined) throw new Error(`No type for ${name}.`);
  const body = Buffer.from(content);
  return {
    path: `/assets/${page}/${digest(body)}/${basename(name)}`,
    type,
    body,
    gzipped: await compress(body, { level: 9 }),
  };
}

/** Prepares a file that `npm run build:web` has created. */
export async function prepareBuiltAsset(page: string, name: string): Promise<Asset> {
  return prepareAsset(page, name, await readFile(new URL(`./dist/${name}`, import.meta.url)));
}

/** Prepares a text that is served at a fixed path. */
export async function prepareStaticDocument(type: string, text: string): Promise<StaticDocument> {
  const body = Buffer.from(text);
  return { type, body, gzipped: await compress(body, { level: 9 }), etag: `W/"${digest(body)}"` };
}

/** The parts of a page that differ between pages. */
export interface PageContent {
  readonly title: string;
  readonly icon: Asset;
  readonly style: Asset;
  /** The HTML of the `body` element. */
  readonly body: string;
}

/**
 * Prepares the HTML of a page.
 * @param directives the policy directives in addition to those for the page's own scripts, images and requests;
 * `frame-ancestors` is `'none'` unless they set it.
 */
export async function preparePage(content: PageContent, directives: readonly string[]): Promise<Page> {
  const framing = directives.some((rule) => rule.startsWith('frame-ancestors')) ? [] : ["frame-ancestors 'none'"];
  return {
    ...(await prepareStaticDocument('text/html; charset=utf-8', renderPage(content))),
    policy: [...BASE_DIRECTIVES, ...directives, ...DENY_DIRECTIVES, ...framing].join('; '),
  };
}

function renderPage({ title, icon, style, body }: PageContent): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
    <title>${title}</title>
    <link rel="icon" href="${icon.path}" type="${icon.type}">
    <link rel="stylesheet" href="${style.path}">
  </head>
  ${body}
</html>
`;
}

/** Escapes a text for HTML, also as the value of an attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function digest(body: Buffer): string {
  return hash('sha256', body, 'hex').slice(0, 16);
}
