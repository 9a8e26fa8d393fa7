import { builder } from '../builder.ts';

/** How the visitors of a chatbot are identified, as an input. */
export const ChatbotIdentityInput = builder.inputType('ChatbotIdentityInput', {
  description: 'The rules by which the visitors of a chatbot are identified.',
  fields: (t) => ({
    isRequired: t.boolean({
      required: true,
      description: 'True refuses sessions without a key that have no signed identity.',
    }),
  }),
});
