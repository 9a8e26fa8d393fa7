import { builder } from '../builder.ts';

/** The settings by which the visitors of a chatbot are identified, as an input. */
export const ChatbotIdentityInput = builder.inputType('ChatbotIdentityInput', {
  description: 'The rules by which the visitors of a chatbot are identified.',
  fields: (t) => ({
    isRequired: t.boolean({
      description: 'True refuses sessions without a key that have no signed identity. Must not be null.',
    }),
    jwksUrl: t.string({
      description:
        'The address of a key set (JWKS) on the public internet, `https://…`, of at most 256 kB and 100 keys. Its RSA and P-256 keys verify identities that are signed with RS256 or ES256. Null removes it.',
    }),
  }),
});
