import { builder } from '../builder.ts';

/** The details of a visitor, as input fields. */
export const visitorDetailFields = {
  name: { description: 'The name; 1 to 255 characters.' },
  email: { description: 'The email address.' },
  customData: { type: 'JSON', description: 'Further data about the visitor; an object of at most 16 kB.' },
} as const;

/** A visitor whom a server names. */
export const VisitorInput = builder.inputType('VisitorInput', {
  description:
    'A visitor, as named by a server of the account. Given details replace those of a known visitor; absent and null ones are kept.',
  fields: (t) => ({
    externalId: t.string({
      description:
        'The id of the visitor in your own systems; 1 to 255 characters, unique within the chatbot. If absent, the visitor is anonymous: a new one, or the anonymous visitor of the conversation.',
    }),
    name: t.string(visitorDetailFields.name),
    email: t.string(visitorDetailFields.email),
    customData: t.field(visitorDetailFields.customData),
  }),
});
