import type { ApiKey } from '../domain/entities.ts';
import { ForbiddenError } from '../domain/errors.ts';
import type { Viewer } from './viewer.ts';

/** A credential that is restricted to chatbots has selected a field that concerns the account as a whole. */
export class RestrictedCredentialError extends ForbiddenError {
  /** @param field the selected field, as `Type.field`. */
  constructor(field: string, path: readonly string[]) {
    super(field, [], path);
    this.message = `This credential is restricted to some chatbots, so it may not use ${field}.`;
  }
}

type Restricted = Pick<Viewer, 'chatbotIds'>;

/** Whether a viewer may see what belongs to a chatbot of its account; null: to the account as a whole. */
export function seesChatbot({ chatbotIds }: Restricted, chatbotId: string | null): boolean {
  return chatbotIds === undefined || (chatbotId !== null && chatbotIds.has(chatbotId));
}

/** Whether a viewer may see an API key of its account: one that is restricted to no other chatbots. */
export function seesApiKey({ chatbotIds }: Restricted, key: Pick<ApiKey, 'chatbotIds'>): boolean {
  return chatbotIds === undefined || (key.chatbotIds?.every((id) => chatbotIds.has(id)) ?? false);
}

/** The chatbots of a list: those that the client has chosen, or all (`undefined`), within those of the viewer. */
export function restrictChatbots(
  { chatbotIds }: Restricted,
  chosen: readonly string[] | undefined,
): readonly string[] | undefined {
  if (chatbotIds === undefined) return chosen;
  return chosen === undefined ? [...chatbotIds] : chosen.filter((id) => chatbotIds.has(id));
}

/** Limits the filter of a list to the chatbots of the viewer. */
export function restrictFilter<F extends { readonly chatbotIds?: readonly string[] | undefined }>(
  viewer: Restricted,
  filter: F,
): F {
  if (viewer.chatbotIds === undefined) return filter;
  return { ...filter, chatbotIds: restrictChatbots(viewer, filter.chatbotIds) };
}
