import { type PageWithAssets, prepareBuilt, preparePage } from './prepared.ts';

const NAME = 'chat';

// DOMPurify parses the HTML that it sanitizes. The page parses HTML nowhere else.
const RULES = [
  "style-src 'self'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify',
];

/**
 * Prepares the chat page. It is the same for every chatbot name, even an unknown one: the page loads its data later,
 * with a credential.
 */
export async function prepareChatPage(): Promise<PageWithAssets> {
  const [script, style, icon] = await Promise.all([
    prepareBuilt(NAME, 'chat.js'),
    prepareBuilt(NAME, 'chat.css'),
    prepareBuilt(NAME, 'icon.svg'),
  ]);
  const body = `<body>
    <div id="chat"></div>
    <noscript><p class="notice">This page needs JavaScript.</p></noscript>
    <script type="module" src="${script.path}"></script>
  </body>`;
  return {
    page: await preparePage({ title: 'Chat – ChatGraph', icon, style, body }, RULES),
    assets: [script, style, icon],
  };
}
