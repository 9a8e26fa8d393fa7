import { escapeHtml, type PageWithAssets, prepareAsset, prepareBuilt, preparePage } from './prepared.ts';

const NAME = 'graphiql';

/**
 * GraphiQL previews everything in a result that looks like an image URL, with a request to a host that a visitor may
 * have chosen. This is its test of a URL.
 */
const PREVIEW_TEST = String.raw`/\.(bmp|gif|jpe?g|png|svg|webp)$/.test(e.pathname)`;

/** Without this rule, GraphiQL's draggable tabs jump at the first press and lose the click. */
const STILL_TABS = '.graphiql-tab { transform: none !important }';

// The editor sets inline styles, and loads its fonts from data URLs.
const RULES = ["style-src 'self' 'unsafe-inline'", 'font-src data:', "worker-src 'self'"];

/**
 * Prepares GraphiQL, which works without the internet.
 * @param options its initial options, such as tabs, as a JSON value.
 */
export async function prepareGraphiql(options: object): Promise<PageWithAssets> {
  // Imported here because it takes nine megabytes, which are needed only once the page is opened.
  const { js, css, ...workers } = await import('@graphql-yoga/render-graphiql/graphiql');
  const [graphiql, style, explorer, icon, editor, json, graphql] = await Promise.all([
    prepareAsset(NAME, 'graphiql.js', withoutPreview(js)),
    prepareAsset(NAME, 'graphiql.css', `${css}\n${STILL_TABS}\n`),
    prepareBuilt(NAME, 'explorer.js'),
    prepareBuilt(NAME, 'icon.svg'),
    prepareAsset(NAME, 'editor-worker.js', workers.editorWorkerService),
    prepareAsset(NAME, 'json-worker.js', workers.jsonWorker),
    prepareAsset(NAME, 'graphql-worker.js', workers.graphqlWorker),
  ]);
  const settings = {
    options,
    workers: { editorWorkerService: editor.path, json: json.path, graphql: graphql.path },
  };
  const body = `<body class="no-focus-outline">
    <noscript>This page needs JavaScript.</noscript>
    <div id="root" data-settings="${escapeHtml(JSON.stringify(settings))}"></div>
    <script src="${graphiql.path}"></script>
    <script type="module" src="${explorer.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'ChatGraph', icon, style, body }, RULES),
    assets: [graphiql, style, explorer, icon, editor, json, graphql],
  };
}

/**
 * Removes the image preview from GraphiQL. The policy of the page forbids its requests to other hosts as well.
 * @throws Error if the GraphiQL version differs.
 */
export function withoutPreview(script: string): string {
  const parts = script.split(PREVIEW_TEST);
  if (parts.length !== 2) throw new Error('The preview of images is not where it was in GraphiQL.');
  return parts.join('false');
}
