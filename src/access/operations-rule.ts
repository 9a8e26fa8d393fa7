import type { Viewer } from './viewer.ts';

/** The documents that a viewer may run. */
export interface OperationsRule {
  /** Whether the viewer may send any document; false: only the documents of manifests. */
  readonly allowsAny: boolean;
  /** The manifest whose documents the viewer finds by their ids; undefined: every manifest of the account. */
  readonly manifest: string | undefined;
}

/** Decides which documents a viewer may run: all, or those of the manifests of the account. */
export function operationsRuleOf({ persistedOnly }: Pick<Viewer, 'persistedOnly'>): OperationsRule {
  return { allowsAny: !persistedOnly, manifest: undefined };
}
