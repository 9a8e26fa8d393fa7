import { z } from 'zod';
import { singleLine } from '../domain/input.ts';
import type { LeadForm } from '../domain/lead-form.ts';

const MAX_FIELDS = 20;

/** A chatbot's default lead form. */
export const DEFAULT_LEAD_FORM: LeadForm = {
  title: 'How can we reach you?',
  fields: [
    { name: 'name', label: 'Name', isRequired: false },
    { name: 'email', label: 'Email', isRequired: true },
    { name: 'phone', label: 'Phone', isRequired: false },
  ],
};

/** The names of a lead's standard fields; every other name is a custom field. */
export const STANDARD_FIELDS: ReadonlySet<string> = new Set(['name', 'email', 'phone']);

const fieldRules = z.object({
  name: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/, 'Must be 1 to 64 letters, digits and underscores, starting with a letter.'),
  label: singleLine(1, 255),
  isRequired: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
});

/** The input rules for a lead form. */
export const leadFormRules = z.object({
  title: singleLine(1, 255),
  fields: z
    .array(fieldRules)
    .min(1, 'Must have at least one field.')
    .max(MAX_FIELDS, `Must have at most ${MAX_FIELDS} fields.`)
    .refine((fields) => new Set(fields.map(({ name }) => name)).size === fields.length, 'Must not name a field twice.'),
});
