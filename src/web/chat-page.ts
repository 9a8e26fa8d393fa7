import { type PageWithAssets, prepareBuiltAsset, preparePage } from './static-resources.ts';

const PAGE_NAME = 'chat';

// Only DOMPurify may parse HTML, because it sanitizes the result.
const POLICY_DIRECTIVES = [
  "style-src 'self'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify',
];

/**
 * Prepares the chat page. Its HTML is the same for every chatbot, even for an unknown name: the page's script loads the
 * data, with a credential.
 */
export async function prepareChatPage(): Promise<PageWithAssets> {
  const [script, style, icon] = await Promise.all([
    prepareBuiltAsset(PAGE_NAME, 'chat.js'),
    prepareBuiltAsset(PAGE_NAME, 'chat.css'),
    prepareBuiltAsset(PAGE_NAME, 'icon.svg'),
  ]);
  const body = `<body>
    <div id="chat"></div>
    <noscript><p class="notice">This page needs JavaScript.</p></noscript>
    <script type="module" src="${script.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'Chat – ChatGraph', icon, style, body }, POLICY_DIRECTIVES),
    assets: [script, style, icon],
  };
}
