import type { ResponseError } from './errors.ts';

/** A GraphQL operation: a text, the id of a persisted document, or both. */
export interface GraphOperation {
  readonly query?: string | undefined;
  /** Sent instead of `query`; if the gateway does not know it, `query` is sent. */
  readonly documentId?: string | undefined;
  readonly operationName?: string | undefined;
  readonly variables?: object | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** Decides how operations are sent: by the id of their document, where the gateway knows it. */
export interface Wire {
  /** The operation as it is sent. */
  encode(operation: GraphOperation): GraphOperation;
  /** Whether the gateway asks for the text of an operation that was sent by its id. All later ones are sent as texts. */
  mustSendText(operation: GraphOperation, errors: readonly ResponseError[] | undefined): boolean;
}

/** The codes of a gateway that does not know a document by its id. */
const UNKNOWN_DOCUMENT_CODES = new Set(['PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED']);

/** Creates the wire of one client. */
export function createWire(): Wire {
  let sendsText = false;
  return {
    encode({ query, documentId, ...rest }) {
      return documentId === undefined || (query && sendsText) ? { query, ...rest } : { documentId, ...rest };
    },
    mustSendText({ query, documentId }, errors = []) {
      const isUnknown = errors.some(({ extensions }) => UNKNOWN_DOCUMENT_CODES.has(String(extensions?.code)));
      if (!isUnknown || !query || documentId === undefined) return false;
      sendsText = true;
      return true;
    },
  };
}
