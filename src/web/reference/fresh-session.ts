/** The part of the OpenAPI document that the page changes. */
export interface Document {
  readonly components: {
    readonly schemas: {
      readonly ChatRequest: { readonly properties: { readonly session_id: { example?: string } } };
    };
  };
}

/**
 * Returns the document with another example of `session_id`, so that a request from this page starts a conversation of
 * its own, and does not continue that of an earlier visit.
 */
export function withFreshSession(document: Document, sessionId: string): Document {
  const copy = structuredClone(document);
  copy.components.schemas.ChatRequest.properties.session_id.example = sessionId;
  return copy;
}
