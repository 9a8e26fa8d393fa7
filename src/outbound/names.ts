const INTERNAL_NAME = /\.(?:localhost|local|internal|intranet|lan|home|corp)$/;

/**
 * Returns whether a host name is one of private networks only: without a dot, or with a top-level domain for such
 * names.
 */
export function isInternalName(name: string): boolean {
  return !name.includes('.') || INTERNAL_NAME.test(name);
}

/** Returns whether a host name is this machine's own. Source: RFC 6761. */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

/** The addresses of loopback names. */
export const LOOPBACK_ADDRESSES: readonly string[] = ['127.0.0.1', '::1'];
