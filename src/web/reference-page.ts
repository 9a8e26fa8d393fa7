import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type PageWithAssets, prepareAsset, prepareBuiltAsset, preparePage } from './static-resources.ts';

const PAGE_NAME = 'docs';

// Swagger UI sets inline styles, and loads its icons from data URLs.
const POLICY_DIRECTIVES = ["style-src 'self' 'unsafe-inline'"];

// By default, Swagger UI sends the document to another host for validation.
const START_SCRIPT = `SwaggerUIBundle({
  url: '/v1/openapi.json',
  domNode: document.getElementById('reference'),
  deepLinking: true,
  validatorUrl: 'none',
});
`;

/** Prepares the page of the REST API's reference, which makes no requests to other hosts. */
export async function prepareReference(): Promise<PageWithAssets> {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const prepareSwaggerFile = async (name: string) => prepareAsset(PAGE_NAME, name, await readFile(join(folder, name)));
  const [style, script, start, icon] = await Promise.all([
    prepareSwaggerFile('swagger-ui.css'),
    prepareSwaggerFile('swagger-ui-bundle.js'),
    prepareAsset(PAGE_NAME, 'start.js', START_SCRIPT),
    prepareBuiltAsset(PAGE_NAME, 'icon.svg'),
  ]);
  const body = `<body>
    <noscript>This page needs JavaScript.</noscript>
    <main id="reference"></main>
    <script src="${script.path}"></script>
    <script src="${start.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'REST API – ChatGraph', icon, style, body }, POLICY_DIRECTIVES),
    assets: [style, script, start, icon],
  };
}
