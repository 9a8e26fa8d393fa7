import { type PageWithAssets, prepareBuiltAsset, preparePage } from './static-resources.ts';

const PAGE_NAME = 'docs';

// Scalar sets inline styles.
const POLICY_DIRECTIVES = ["style-src 'self' 'unsafe-inline'"];

/** Prepares the page of the REST API's reference, which makes no requests to other hosts. */
export async function prepareReference(): Promise<PageWithAssets> {
  const [style, script, icon] = await Promise.all([
    prepareBuiltAsset(PAGE_NAME, 'reference/reference.css'),
    prepareBuiltAsset(PAGE_NAME, 'reference/reference.js'),
    prepareBuiltAsset(PAGE_NAME, 'icon.svg'),
  ]);
  const body = `<body>
    <noscript>This page needs JavaScript.</noscript>
    <div id="reference"></div>
    <script type="module" src="${script.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'REST API – ChatGraph', icon, style, body }, POLICY_DIRECTIVES),
    assets: [style, script, icon],
  };
}
