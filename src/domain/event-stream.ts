/** The headers of every stream, by which proxies neither store, buffer nor compress it. */
export const STREAM_HEADERS = {
  'Cache-Control': 'private, no-store, no-transform',
  'X-Accel-Buffering': 'no',
} as const;

/** The interval of heartbeats, shorter than the 15-second timeouts of proxies. */
export const HEARTBEAT_MS = 12_000;

/** A comment of a `text/event-stream`, which clients ignore. */
export const HEARTBEAT = ':\n\n';
