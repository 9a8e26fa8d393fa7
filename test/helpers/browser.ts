import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

const { CHROMIUM_PATH, PATH = '' } = process.env;

/** Where Chromium is; undefined where there is none, so that tests that need it are skipped. */
export const browserPath =
  CHROMIUM_PATH ||
  PATH.split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(existsSync);

/** A page of a browser that knows nothing of the other pages. */
export interface OpenedPage {
  readonly page: Page;
  /** Whom it has talked to, as `host:port`. */
  readonly hosts: ReadonlySet<string>;
  /** What went wrong in it: exceptions, and errors in its console. */
  readonly problems: readonly string[];
}

// One for all tests of a process, which ends it: to start it takes longer than most of them.
let launching: Promise<Browser> | undefined;

/** Opens a page in a browser that knows nothing, and notes whom it talks to. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<OpenedPage> {
  launching ??= chromium.launch({ executablePath: browserPath ?? '', args: FLAGS.split(' ') });
  const context = await (await launching).newContext({ viewport: { width: 1280, height: 1600 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const hosts = new Set<string>();
  const problems: string[] = [];
  const note = (url: string) => {
    if (/^(https?|wss?):/.test(url)) hosts.add(new URL(url).host);
  };
  context.on('request', (request) => note(request.url()));
  page.on('websocket', (socket) => note(socket.url()));
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  return { page, hosts, problems };
}
