import type { Scope } from '../domain/entities.ts';
import type { JsonText } from '../domain/json.ts';
import type { WebhookEvent } from '../domain/webhooks.ts';

/** The result of executing a document: the `data` of the body, or the reason for the failure, in words. */
export type Selection = { readonly data: JsonText } | { readonly problem: string };

/** Executes the documents of subscriptions, which select the data of webhook bodies. */
export interface Selections {
  /** Describes the first problem of a document in words; undefined when it is valid. */
  findProblem(document: string): string | undefined;
  /** Whether a document selects only fields that the scopes allow; true for an invalid document, which never runs. */
  isReadable(document: string, scopes: ReadonlySet<Scope>): boolean;
  /**
   * Executes a document for an event, with the scope READ in the event's account. Every failure becomes a `problem`.
   */
  select(document: string, event: WebhookEvent): Promise<Selection>;
}
