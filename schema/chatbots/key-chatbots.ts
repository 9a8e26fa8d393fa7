import { MAX_KEY_CHATBOTS } from '../../src/access/api-keys.ts';
import { ApiKeyRef } from '../accounts/api-key.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { ChatbotRef } from './chatbot.ts';

builder.objectField(ApiKeyRef, 'chatbots', (t) =>
  t.field({
    type: [ChatbotRef],
    nullable: true,
    description: `The chatbots to which the key is restricted, without deleted ones; at most ${MAX_KEY_CHATBOTS}. Null if the key is not restricted: then it has access to all chatbots of the account, also those created later.`,
    extensions: { listSize: () => MAX_KEY_CHATBOTS } satisfies FieldExtensions,
    resolve: async ({ chatbotIds }, _args, { loaders }) => {
      if (chatbotIds === null) return null;
      const chatbots = await loaders.chatbot.loadMany(chatbotIds);
      return chatbots.flatMap((chatbot) => {
        if (chatbot instanceof Error) throw chatbot;
        return chatbot ?? [];
      });
    },
  }),
);
