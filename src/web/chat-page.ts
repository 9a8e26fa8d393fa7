import type { ChatAssets } from './chat-assets.ts';

/** A page as it is sent. */
export interface HtmlPage {
  readonly html: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/** What a chat page is about. */
export interface ChatPageContent {
  readonly chatbotId: string;
  readonly name: string;
  /** Questions to begin with. */
  readonly examples: readonly string[];
  /** The host that the page was asked of, such as `127.0.0.1:4000`. */
  readonly host: string;
}

// DOMPurify parses what it cleans, which is the one use of HTML as text on the page.
const CHAT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify',
];
const NOTICE_POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** Makes the page on which people talk to a chatbot. */
export function renderChatPage(assets: ChatAssets, { chatbotId, name, examples, host }: ChatPageContent): HtmlPage {
  const settings = escapeHtml(JSON.stringify({ chatbotId, name, examples }));
  return {
    html: renderDocument(
      assets,
      name,
      `<div id="chat" data-settings="${settings}"></div>
    <noscript><p class="notice">This page needs JavaScript.</p></noscript>
    <script type="module" src="${assets.script.path}"></script>`,
    ),
    // Older browsers take 'self' for HTTP only.
    policy: [...CHAT_POLICY, `connect-src 'self' ws://${host}`].join('; '),
  };
}

/** Makes a page that says why there is nothing else to see. */
export function renderNotice(assets: ChatAssets, { title, text }: { title: string; text: string }): HtmlPage {
  return {
    html: renderDocument(
      assets,
      title,
      `<main class="notice">
      <h1>${escapeHtml(title)}</h1>
      <p>${escapeHtml(text)}</p>
    </main>`,
    ),
    policy: NOTICE_POLICY.join('; '),
  };
}

function renderDocument({ style, icon }: ChatAssets, title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
    <meta name="color-scheme" content="light dark">
    <title>${escapeHtml(title)} – ChatGraph</title>
    <link rel="icon" href="${icon.path}" type="${icon.type}">
    <link rel="stylesheet" href="${style.path}">
  </head>
  <body>
    ${body}
  </body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
