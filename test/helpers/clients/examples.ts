import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin, type Rolldown } from 'vite';
import { onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The folder of an example of the docs. */
export const exampleFolder = (name: string): string => `${ROOT}/docs/examples/${name}`;

/** Replaces the documents of Relay by what its compiler has generated, as Relay's plugins for bundlers do. */
const relayArtifacts: Plugin = {
  name: 'relay-artifacts',
  enforce: 'pre',
  transform(code, id) {
    if (basename(id).endsWith('.graphql.ts')) return code.replace('import {', 'import type {');
    const names = new Set([...code.matchAll(RELAY_DOCUMENT)].map(([, name]) => name));
    if (names.size === 0) return undefined;
    const imports = [...names].map((name) => `import ${name} from './__generated__/${name}.graphql.ts';\n`);
    return imports.join('') + code.replaceAll(RELAY_DOCUMENT, '$1');
  },
};

const RELAY_DOCUMENT = /graphql`\s*(?:query|mutation|subscription) (\w+)[^`]*`/g;

/** Builds an example as it is, with the client of this project, and returns its files by path. */
export async function buildExample(name: string): Promise<Map<string, string>> {
  const client = `${ROOT}/clients/typescript/src`;
  const { output } = (await build({
    root: exampleFolder(name),
    configFile: false,
    logLevel: 'error',
    plugins: [relayArtifacts],
    resolve: {
      alias: [
        { find: /^@chatgraph\/client$/, replacement: `${client}/chatgraph.ts` },
        { find: /^@chatgraph\/client\/(\w+)$/, replacement: `${client}/$1.ts` },
      ],
    },
    build: { write: false, minify: false },
  })) as Rolldown.RolldownOutput;
  return new Map(output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : String(file.source)]));
}

/**
 * Serves files from an origin of their own, as a front end does, and returns the origin.
 * @param edit replaces what differs in the test, such as the address of the gateway.
 */
export async function serveExample(
  files: Promise<ReadonlyMap<string, string>>,
  edit: (content: string) => Promise<string>,
): Promise<string> {
  const server = createServer(async ({ url = '' }, response) => {
    const path = url === '/' ? '/index.html' : url;
    const content = (await files).get(path);
    const type = path.endsWith('.js') ? 'text/javascript' : 'text/html';
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': type });
    response.end(content && (await edit(content)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
