/** Bounds that more than one part of the program knows: the part that holds to them, and those that tell clients. */

/** How many bytes the body of a request, or a message of a socket, may have. */
export const MAX_BODY_BYTES = 256 * 1_024;

/** How many API keys of an account may be active at once. */
export const MAX_ACTIVE_API_KEYS = 5;

/** How many citations a reply may have. */
export const MAX_CITATIONS = 10;

/** How many follow-up questions may be suggested after a reply. */
export const MAX_FOLLOW_UPS = 3;
