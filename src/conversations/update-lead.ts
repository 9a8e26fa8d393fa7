import type { Viewer } from '../access/viewer.ts';
import { STANDARD_FIELDS } from '../chatbots/lead-form.ts';
import type { Deps } from '../deps.ts';
import type { Lead } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import { parseInput } from '../domain/input.ts';
import { toJson } from '../domain/json.ts';
import { findChatbot } from '../store/chatbots.ts';
import { lockLead, updateLeadDetails } from '../store/leads.ts';
import { type CaptureLeadInput, leadRules, requireFieldValues } from './capture-lead.ts';

/** A lead and its new contact details. An absent field is kept, null clears it. */
export interface UpdateLeadInput extends Omit<CaptureLeadInput, 'conversationId'> {
  readonly id: string;
}

/**
 * Changes the contact details of a lead. The rules are those of `captureLead`, but a required field that the lead lacks
 * already, because the form has changed since, is required only if the update touches it.
 * @throws NotFoundError; InvalidInputError
 */
export async function updateLead(
  deps: Pick<Deps, 'db'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  input: UpdateLeadInput,
): Promise<Lead> {
  const parsed = parseInput(leadRules, { ...input });
  const id = requireFound('Lead', parseId('lead', input.id));
  return deps.db.transaction(async (trx) => {
    const lead = requireFound('Lead', await lockLead(trx, accountId, id));
    const { leadForm } = requireFound('Lead', await findChatbot(trx, accountId, lead.chatbotId));
    const choose = <T>(given: unknown, value: T | undefined, kept: T) => (given === undefined ? kept : value);
    const details = {
      name: choose(input.name, parsed.name, lead.name) ?? null,
      email: choose(input.email, parsed.email, lead.email) ?? null,
      phone: choose(input.phone, parsed.phone, lead.phone) ?? null,
      customData: choose(input.customData, parsed.customData, lead.customData) ?? toJson({}),
    };
    const isTouched = (name: string) =>
      input[STANDARD_FIELDS.has(name) ? (name as 'name' | 'email' | 'phone') : 'customData'] !== undefined;
    const { name, email, phone, customData } = details;
    requireFieldValues(
      { fields: leadForm.fields.filter((field) => isTouched(field.name)) },
      { customData, name: name ?? undefined, email: email ?? undefined, phone: phone ?? undefined },
    );
    const updated = { ...lead, ...details };
    await updateLeadDetails(trx, updated);
    return updated;
  });
}
