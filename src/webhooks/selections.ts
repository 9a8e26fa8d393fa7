import type { Scope } from '../domain/entities.ts';
import type { JsonText } from '../domain/json.ts';
import type { WebhookEvent } from '../domain/webhooks.ts';

/** What a document has selected: the `data` of the body; or why there is none, for people. */
export type Selection = { readonly data: JsonText } | { readonly problem: string };

/** Selects from the graph what endpoints are sent. */
export interface Selections {
  /** Says what is wrong with a document, for people; undefined where nothing is. */
  findProblem(document: string): string | undefined;
  /**
   * Checks that a document without a mistake selects nothing that these scopes do not allow.
   * @throws ForbiddenError
   */
  requireScopes(document: string, scopes: ReadonlySet<Scope>): void;
  /** Executes a document over an event, with READ alone in the account of the event. Whatever fails is a problem. */
  select(document: string, event: WebhookEvent): Promise<Selection>;
}
