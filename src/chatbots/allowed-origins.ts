import { z } from 'zod';

const MAX_ORIGINS = 50;
/** A host name, which may be internationalized in ASCII form, or an IP address. */
const WEB_ORIGIN = /^https?:\/\/[a-z0-9.:[\]-]{1,255}$/;
/** A scheme, a host and perhaps a port, in lower case and without the port that the scheme implies. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/;

/**
 * The rule of exact origins: of web pages, as browsers send them, or of apps with a scheme of their own. `null`, patterns
 * and addresses with a path are refused.
 */
export const allowedOriginsRule = z
  .array(z.string().refine(isOrigin, 'Must be an exact origin, such as https://shop.example, without a path.'))
  .max(MAX_ORIGINS, `Must have at most ${MAX_ORIGINS} origins.`)
  .transform((origins) => [...new Set(origins)]);

function isOrigin(text: string): boolean {
  if (/^https?:/.test(text)) return WEB_ORIGIN.test(text) && URL.canParse(text) && new URL(text).origin === text;
  return text.length <= 255 && !/^(file|data|blob|javascript|wss?|ftp):/.test(text) && APP_ORIGIN.test(text);
}
