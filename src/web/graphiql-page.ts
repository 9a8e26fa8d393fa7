import { escapeHtml, type PageWithAssets, prepareAsset, prepareBuilt, preparePage } from './prepared.ts';

const NAME = 'graphiql';

/**
 * GraphiQL shows a preview of whatever in a result looks like the address of an image, which asks the host that a
 * visitor has named. This is its test of the address.
 */
const PREVIEW_TEST = String.raw`/\.(bmp|gif|jpe?g|png|svg|webp)$/.test(e.pathname)`;

/** GraphiQL lets tabs be dragged, and misjudges where to: at its first press a tab jumps away and loses the click. */
const STILL_TABS = '.graphiql-tab { transform: none !important }';

// The editor gives styles to its elements one by one, and has its fonts in data addresses.
const RULES = ["style-src 'self' 'unsafe-inline'", 'font-src data:', "worker-src 'self'"];

/**
 * Prepares GraphiQL, which works without the internet.
 * @param options what it opens on, such as tabs; JSON.
 */
export async function prepareGraphiql(options: object): Promise<PageWithAssets> {
  // Nine megabytes, which nobody needs who never opens the page.
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
 * Takes the preview of images out of GraphiQL. The policy of the page forbids what it would ask of other hosts as well.
 * @throws Error where this GraphiQL is another one.
 */
export function withoutPreview(script: string): string {
  const parts = script.split(PREVIEW_TEST);
  if (parts.length !== 2) throw new Error('The preview of images is not where it was in GraphiQL.');
  return parts.join('false');
}
