import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type PageWithAssets, prepareAsset, prepareBuilt, preparePage } from './prepared.ts';

const NAME = 'docs';

// Swagger UI sets inline styles, and loads its icons from data URLs.
const RULES = ["style-src 'self' 'unsafe-inline'"];

// By default, Swagger UI sends the document to another host for validation.
const START = `SwaggerUIBundle({
  url: '/v1/openapi.json',
  domNode: document.getElementById('reference'),
  deepLinking: true,
  validatorUrl: 'none',
});
`;

/** Prepares the reference of the REST API, which makes no request to other hosts. */
export async function prepareReference(): Promise<PageWithAssets> {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const prepareSwaggerFile = async (name: string) => prepareAsset(NAME, name, await readFile(join(folder, name)));
  const [style, script, start, icon] = await Promise.all([
    prepareSwaggerFile('swagger-ui.css'),
    prepareSwaggerFile('swagger-ui-bundle.js'),
    prepareAsset(NAME, 'start.js', START),
    prepareBuilt(NAME, 'icon.svg'),
  ]);
  const body = `<body>
    <noscript>This page needs JavaScript.</noscript>
    <main id="reference"></main>
    <script src="${script.path}"></script>
    <script src="${start.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'REST API – ChatGraph', icon, style, body }, RULES),
    assets: [style, script, start, icon],
  };
}
