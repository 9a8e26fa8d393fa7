import { z } from 'zod';
import { emailText, metadataObject, singleLine } from '../domain/input.ts';
import type { VisitorDetails } from '../domain/visitors/visitors.ts';

/** The details of a visitor, as a client sends them. */
export interface VisitorDetailsInput {
  readonly name?: string | null | undefined;
  readonly email?: string | null | undefined;
  readonly customData?: unknown;
}

/** The rules of the details of a visitor; null counts as absent. */
export const visitorDetailsRules = z.object({
  name: singleLine(1, 255).nullish(),
  email: emailText.nullish(),
  customData: metadataObject.nullish(),
});

/** Returns the given details. */
export function toDetails({ name, email, customData }: z.output<typeof visitorDetailsRules>): VisitorDetails {
  return { name: name ?? undefined, email: email ?? undefined, customData: customData ?? undefined };
}
