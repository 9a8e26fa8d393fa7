import type { LeadField, LeadForm } from '../../src/domain/lead-form.ts';
import { builder, type FieldExtensions } from '../builder.ts';

const LeadFieldRef = builder.objectRef<LeadField>('LeadField').implement({
  description: 'A field of a lead form.',
  fields: (t) => ({
    name: t.exposeString('name', {
      sessions: true,
      description:
        'The name of the field. `name`, `email` and `phone` are fields of the lead; the answers to all other fields are in `customData` of the lead.',
    }),
    label: t.exposeString('label', { sessions: true, description: 'The label shown to visitors.' }),
    isRequired: t.exposeBoolean('isRequired', {
      sessions: true,
      description: 'True if the visitor must fill the field.',
    }),
  }),
});

/** The lead form of a chatbot. */
export const LeadFormRef = builder.objectRef<LeadForm>('LeadForm').implement({
  description: 'The form for contact details of a visitor.',
  fields: (t) => ({
    title: t.exposeString('title', { sessions: true, description: 'The heading of the form.' }),
    fields: t.field({
      type: [LeadFieldRef],
      sessions: true,
      description: 'The fields in the order of the form; at most 20.',
      extensions: { listSize: () => 20 } satisfies FieldExtensions,
      resolve: ({ fields }) => [...fields],
    }),
  }),
});

const LeadFieldInput = builder.inputType('LeadFieldInput', {
  description: 'A field of a lead form.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description:
        '`name`, `email`, `phone`, or a custom name of 1 to 64 letters, digits and `_` that starts with a letter.',
    }),
    label: t.string({ required: true, description: 'The label shown to visitors; 1 to 255 characters.' }),
    isRequired: t.boolean({ defaultValue: false, description: 'True if the visitor must fill the field.' }),
  }),
});

/** The lead form of a chatbot, as an input. */
export const LeadFormInput = builder.inputType('LeadFormInput', {
  description: 'The form for contact details of a visitor.',
  fields: (t) => ({
    title: t.string({ required: true, description: 'The heading of the form; 1 to 255 characters.' }),
    fields: t.field({
      type: [LeadFieldInput],
      required: true,
      description: 'The fields in the order of the form: 1 to 20, with different names.',
    }),
  }),
});
