/** The result of checking a document, or the reason why it is refused, in words. */
export type DocumentCheck =
  | {
      /** The name of the operation; null if it has none. */
      readonly name: string | null;
      readonly kind: 'query' | 'mutation' | 'subscription';
      /** The cost with the defaults of the variables. */
      readonly cost: number;
    }
  | { readonly problem: string };

/** Parses, validates and prices a document of a manifest. */
export type CheckDocument = (document: string) => DocumentCheck;
