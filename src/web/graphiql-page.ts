import { escapeHtml, type PageWithAssets, prepareAsset, prepareBuiltAsset, preparePage } from './static-resources.ts';

const PAGE_NAME = 'graphiql';

/**
 * The source text of GraphiQL's check for image URLs. GraphiQL previews each image URL in a result, which sends a
 * request to a host that a visitor may have chosen.
 */
const IMAGE_URL_CHECK = String.raw`/\.(bmp|gif|jpe?g|png|svg|webp)$/.test(e.pathname)`;

/** Makes GraphiQL's script define its editor as `monaco`, with which the tour fills in variables. */
const EDITOR_SETTINGS = 'globalThis.MonacoEnvironment = { globalAPI: true };';

/** Stops GraphiQL's draggable tabs from moving when pressed, which would lose the click. */
const TAB_DRAG_FIX = '.graphiql-tab { transform: none !important }';

// The editor sets inline styles, and loads its fonts from data URLs.
const POLICY_DIRECTIVES = ["style-src 'self' 'unsafe-inline'", 'font-src data:', "worker-src 'self'"];

/**
 * Prepares the GraphiQL page, which works without internet access.
 * @param options GraphiQL's initial options, such as its tabs, as a JSON value.
 */
export async function prepareGraphiql(options: object): Promise<PageWithAssets> {
  // Imported on first use, because the module takes nine megabytes of memory.
  const { js, css, ...workers } = await import('@graphql-yoga/render-graphiql/graphiql');
  const [graphiql, style, explorer, icon, editor, json, graphql] = await Promise.all([
    prepareAsset(PAGE_NAME, 'graphiql.js', `${EDITOR_SETTINGS}\n${removeImagePreview(js)}`),
    prepareAsset(PAGE_NAME, 'graphiql.css', `${css}\n${TAB_DRAG_FIX}\n`),
    prepareBuiltAsset(PAGE_NAME, 'explorer.js'),
    prepareBuiltAsset(PAGE_NAME, 'icon.svg'),
    prepareAsset(PAGE_NAME, 'editor-worker.js', workers.editorWorkerService),
    prepareAsset(PAGE_NAME, 'json-worker.js', workers.jsonWorker),
    prepareAsset(PAGE_NAME, 'graphql-worker.js', workers.graphqlWorker),
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
    page: await preparePage({ title: 'ChatGraph', icon, style, body }, POLICY_DIRECTIVES),
    assets: [graphiql, style, explorer, icon, editor, json, graphql],
  };
}

/**
 * Disables the image preview in GraphiQL's script. The page's policy also forbids requests to other hosts.
 * @throws Error if the script does not contain the expected check.
 */
function removeImagePreview(script: string): string {
  const parts = script.split(IMAGE_URL_CHECK);
  if (parts.length !== 2) throw new Error('GraphiQL does not contain the expected check for image URLs.');
  return parts.join('false');
}
