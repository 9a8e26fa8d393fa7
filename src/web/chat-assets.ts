import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** A file of the chat page, as it is served. */
export interface Asset {
  /** Where it is served. The address changes with the content, so that browsers may keep it for good. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  /** The same, compressed by gzip. */
  readonly gzipped: Buffer;
}

/** The files of the chat page. */
export interface ChatAssets {
  readonly script: Asset;
  readonly style: Asset;
  readonly icon: Asset;
}

const DIST = new URL('./dist/', import.meta.url);

/** Reads what `npm run build:web` has made. */
export async function readChatAssets(): Promise<ChatAssets> {
  const [script, style, icon] = await Promise.all([
    readAsset('chat.js', 'text/javascript; charset=utf-8'),
    readAsset('chat.css', 'text/css; charset=utf-8'),
    readAsset('icon.svg', 'image/svg+xml'),
  ]);
  return { script, style, icon };
}

async function readAsset(name: string, type: string): Promise<Asset> {
  const body = await readFile(fileURLToPath(new URL(name, DIST)));
  const version = hash('sha256', body, 'hex').slice(0, 12);
  return { path: `/chat/assets/${version}/${name}`, type, body, gzipped: gzipSync(body, { level: 9 }) };
}
