/** Limits that several modules share. A limit that operators can set is in `settings.ts`; any other is in its module. */

/** The maximum bytes of a request body or a socket message, unless a large body is allowed. */
export const MAX_BODY_BYTES = 256 * 1_024;

/** The maximum bytes of a large body: in JSON, the text of a source can have six bytes for each character. */
export const MAX_LARGE_BODY_BYTES = 8 * 1_024 * 1_024;

/** The maximum number of active API keys of an account. */
export const MAX_ACTIVE_API_KEYS = 5;

/** The maximum number of citations of a reply. */
export const MAX_CITATIONS = 10;

/** The maximum number of follow-up questions after a reply. */
export const MAX_FOLLOW_UPS = 3;
