import { createApiReference } from '@scalar/api-reference';
import '@scalar/api-reference/style.css';
import './reference.css';
import { type Document, withFreshSession } from './fresh-session.ts';

const DOCUMENT_PATH = '/v1/openapi.json';

const response = await fetch(DOCUMENT_PATH);
const document = (await response.json()) as Document;

createApiReference('#reference', {
  content: withFreshSession(document, `docs-${crypto.randomUUID()}`),
  // The page makes no requests to other hosts, and offers nothing that would.
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
  // The key is forgotten when the page is closed.
  persistAuth: false,
});
