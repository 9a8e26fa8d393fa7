import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

const { CHROMIUM_PATH, PATH = '' } = process.env;

/** The path of Chromium; undefined if it is not installed. Tests that need a browser are then skipped. */
export const browserPath =
  CHROMIUM_PATH ||
  PATH.split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(existsSync);

/** A browser page with its own cookies and storage. */
export interface OpenedPage {
  readonly page: Page;
  /** The hosts that the page has sent requests to, as `host:port`. */
  readonly hosts: ReadonlySet<string>;
  /** Uncaught exceptions, and errors in the console. */
  readonly problems: readonly string[];
}

// All tests of a process share one browser, because starting it takes longer than most tests. It ends with the process.
let launching: Promise<Browser> | undefined;

/** Opens a page without cookies or storage, and records the hosts it contacts. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<OpenedPage> {
  launching ??= chromium.launch({ executablePath: browserPath ?? '', args: FLAGS.split(' ') });
  const context = await (await launching).newContext({ viewport: { width: 1280, height: 1600 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const hosts = new Set<string>();
  const problems: string[] = [];
  const recordHost = (url: string) => {
    if (/^(https?|wss?):/.test(url)) hosts.add(new URL(url).host);
  };
  context.on('request', (request) => recordHost(request.url()));
  page.on('websocket', (socket) => recordHost(socket.url()));
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, hosts, problems };
}
