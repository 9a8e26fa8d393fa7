import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { STANDARD_FIELDS } from '../chatbots/lead-form.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Lead } from '../domain/entities.ts';
import { type FieldProblem, InvalidInputError, requireFound } from '../domain/errors.ts';
import { createIdAfter } from '../domain/ids.ts';
import { emailText, metadataObject, parseInput, singleLine, text } from '../domain/input.ts';
import { fromJson, toJson } from '../domain/json.ts';
import type { LeadForm } from '../domain/lead-form.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import { appendEvent } from '../store/events.ts';
import { findLeads, insertLead } from '../store/leads.ts';
import { findNewestId } from '../store/newest-ids.ts';
import { enqueueEvents } from '../store/webhooks/outbox.ts';
import { getLockedConversation } from './handoff.ts';
import { leadCaptured } from './outbox-events.ts';

/** A visitor's contact details and the conversation in which the visitor gave them. */
export interface CaptureLeadInput {
  readonly conversationId: string;
  readonly name?: string | null | undefined;
  readonly email?: string | null | undefined;
  readonly phone?: string | null | undefined;
  readonly customData?: unknown;
}

/** The rules of the contact details of a lead. */
export const leadRules = z.object({
  name: singleLine(1, 255).optional(),
  email: emailText.optional(),
  phone: text(3, 50)
    .refine(
      (value) => /^\+?[\d\s()./-]+$/.test(value) && value.replace(/\D/g, '').length >= 3,
      'Must be a phone number.',
    )
    .optional(),
  customData: metadataObject.optional(),
});

type LeadFields = z.output<typeof leadRules>;

/**
 * Stores a visitor's contact details as a lead, checked against the chatbot's lead form.
 * @param retryContext an object that all attempts to store one lead share. This function stores the lead's id in it, so
 * that the attempts store one lead even if an attempt does not learn that its commit succeeded.
 * @throws NotFoundError; InvalidInputError, which includes a missing required field and blank values in all fields.
 */
export async function captureLead(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: CaptureLeadInput,
  retryContext: { id: string | undefined } = { id: undefined },
): Promise<Lead> {
  const { accountId } = viewer;
  const fields = parseInput(leadRules, { ...input });
  const at = toTimestamp(deps.clock.now());
  const { lead, events } = await deps.db.transaction(async (trx) => {
    const conversation = await getLockedConversation(trx, accountId, input.conversationId);
    const { id: conversationId, chatbotId } = conversation;
    const chatbot = requireFound('Conversation', await findChatbot(trx, accountId, chatbotId));
    requireFieldValues(chatbot.leadForm, fields);
    const [stored] = retryContext.id === undefined ? [] : await findLeads(trx, accountId, [retryContext.id]);
    if (stored !== undefined) return { lead: stored, events: [] };
    retryContext.id = createIdAfter('lead', await findNewestId(trx, 'leads', chatbotId));
    const lead: Lead = {
      id: retryContext.id,
      ...{ accountId, chatbotId, conversationId },
      name: fields.name ?? null,
      email: fields.email ?? null,
      phone: fields.phone ?? null,
      customData: fields.customData ?? toJson({}),
      createdAt: at,
    };
    await insertLead(trx, lead);
    await enqueueEvents(trx, { accountId, chatbotId, at }, [leadCaptured(conversation, lead)]);
    const event = { type: 'LeadCaptured', leadId: lead.id, conversationId, at } as const;
    return { lead, events: [await appendEvent(trx, accountId, event)] };
  });
  publishEvents(deps.bus, events);
  return lead;
}

/**
 * Checks that the required fields of a lead form, and any field at all, have values.
 * @throws InvalidInputError
 */
export function requireFieldValues(
  { fields }: Pick<LeadForm, 'fields'>,
  { customData, ...standard }: LeadFields,
): void {
  const custom = customData === undefined ? {} : fromJson<Record<string, unknown>>(customData);
  const fieldValues: Readonly<Record<string, unknown>> = { ...custom, ...standard };
  const missing = fields
    .filter(({ name, isRequired }) => isRequired && isBlank(fieldValues[name]))
    .map(({ name }): FieldProblem => {
      const path = STANDARD_FIELDS.has(name) ? [name] : ['customData', name];
      return { path, message: 'The lead form requires this field.' };
    });
  if (missing.length > 0) throw new InvalidInputError(missing);
  if (Object.values(fieldValues).every(isBlank)) {
    throw new InvalidInputError([{ path: [], message: 'Give at least one of name, email, phone and customData.' }]);
  }
}

const isBlank = (value: unknown) => value == null || (typeof value === 'string' && value.trim() === '');
