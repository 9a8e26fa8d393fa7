import { seesChatbot } from '../../src/access/restriction.ts';
import { createChatbot, deleteChatbot, updateChatbot } from '../../src/chatbots/chatbots.ts';
import type { Chatbot } from '../../src/domain/entities.ts';
import { BadUserInputError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { countChatbots, findChatbotBySlug, listChatbots } from '../../src/store/chatbots.ts';
import { builder, CHANGES_RULE, type FieldExtensions } from '../builder.ts';
import { defineConnection, pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { parseForResponse } from '../scalars.ts';
import { CONTENT_SCOPES, SETTINGS_SCOPES } from '../scopes.ts';
import { ChatbotIdentityInput } from '../visitors/identity-input.ts';
import { AnsweringInput, AnsweringRef } from './answering.ts';
import { LeadFormInput, LeadFormRef } from './lead-form.ts';

/** A chatbot. Other files add its sources and conversations. */
export const ChatbotRef = builder.objectRef<Chatbot>('Chatbot').implement({
  description: 'A chatbot, which answers visitors from its sources.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { sessions: true, description: 'The name shown to visitors.' }),
    slug: t.exposeString('slug', { description: 'The name in URLs, unique within the account.' }),
    provider: t.exposeString('provider', {
      authScopes: SETTINGS_SCOPES,
      description:
        'The name of the provider that writes the replies: one of `providers`. `builtin` quotes the sources and needs no model. Needs `READ` or `MANAGE`.',
    }),
    model: t.exposeString('model', {
      nullable: true,
      authScopes: SETTINGS_SCOPES,
      description: 'The name of the model; null means the default model of the provider. Needs `READ` or `MANAGE`.',
    }),
    instructions: t.exposeString('instructions', {
      authScopes: SETTINGS_SCOPES,
      description: 'The instructions for the model; may be empty. Needs `READ` or `MANAGE`.',
    }),
    fallbackMessage: t.exposeString('fallbackMessage', {
      description: 'The reply to a question that the sources of the chatbot do not cover.',
    }),
    handoffMessage: t.exposeString('handoffMessage', {
      description: 'The notice to a visitor who writes while a person answers in place of the chatbot.',
    }),
    leadForm: t.expose('leadForm', {
      type: LeadFormRef,
      sessions: true,
      description: 'The form for contact details of a visitor.',
    }),
    answering: t.expose('answering', {
      type: AnsweringRef,
      authScopes: SETTINGS_SCOPES,
      description: 'The answer settings. Needs `READ` or `MANAGE`.',
    }),
    isActive: t.exposeBoolean('isActive', {
      description:
        'False while the chatbot is paused: it begins no reply, and waiting replies begin when it is active again. Visitors can still write to a person who has taken over.',
    }),
    metadata: t.field({
      type: 'JSON',
      authScopes: SETTINGS_SCOPES,
      description: "Your application's data about the chatbot; an object. Needs `READ` or `MANAGE`.",
      resolve: (chatbot) => parseForResponse(chatbot.metadata),
    }),
    isPublic: t.exposeBoolean('isPublic', {
      authScopes: SETTINGS_SCOPES,
      description:
        'True if pages of `allowedOrigins`, and the chat page of the gateway, may start sessions without a key. Needs `READ` or `MANAGE`.',
    }),
    allowedOrigins: t.stringList({
      authScopes: SETTINGS_SCOPES,
      description:
        'The exact origins whose pages may start sessions while the chatbot is public; at most 50. Needs `READ` or `MANAGE`.',
      extensions: { listSize: () => 50 } satisfies FieldExtensions,
      resolve: ({ allowedOrigins }) => [...allowedOrigins],
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of creation.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'The time of the last change of a field.' }),
  }),
});

const ChatbotConnection = defineConnection(ChatbotRef);

builder.queryFields((t) => ({
  chatbot: t.field({
    type: ChatbotRef,
    nullable: true,
    allowsRestricted: true,
    authScopes: CONTENT_SCOPES,
    sessionTarget: { argument: 'id', kind: 'chatbot' },
    description:
      'Finds a chatbot by exactly one of `id` and `slug`; null if there is none. `CHAT` alone reads only its public side. Needs `READ` or `CHAT`.',
    args: {
      id: t.arg.id({ description: 'The id of the chatbot.' }),
      slug: t.arg.string({ description: 'The slug of the chatbot.' }),
    },
    resolve: async (_root, args, { deps, viewer, loaders }) => {
      if ((args.id == null) === (args.slug == null))
        throw new BadUserInputError('Give exactly one of `id` and `slug`.');
      if (args.slug != null) {
        const chatbot = await findChatbotBySlug(deps.db.read, viewer.accountId, args.slug);
        return (chatbot && seesChatbot(viewer, chatbot.id) && chatbot) || null;
      }
      const id = parseId('chatbot', args.id ?? '');
      return (id && (await loaders.chatbot.load(id))) || null;
    },
  }),
  chatbots: t.connection(
    {
      type: ChatbotRef,
      allowsRestricted: true,
      authScopes: CONTENT_SCOPES,
      description: 'The chatbots of the account, oldest first, paused ones included. Needs `READ` or `CHAT`.',
      extensions: pageExtensions,
      resolve: (_root, args, { deps, viewer }) => {
        const { accountId, chatbotIds } = viewer;
        return paginate(
          'chatbot',
          args,
          (page) => listChatbots(deps.db.read, accountId, page, chatbotIds),
          () => countChatbots(deps.db.read, accountId, chatbotIds),
        );
      },
    },
    ChatbotConnection,
  ),
}));

const providerDescription =
  'The name of the provider that writes the replies: one of `providers` with `isConfigured` true, so set a key first.';

builder.relayMutationField(
  'createChatbot',
  {
    description: 'The fields of a new chatbot. An absent or null field has its default.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'The name shown to visitors; 1 to 255 characters.' }),
      slug: t.string({
        description:
          'The name in URLs: 1 to 64 lower-case letters, digits and hyphens, unique within the account; if absent, derived from `name`.',
      }),
      provider: t.string({ description: `${providerDescription} The default is \`builtin\`.` }),
      model: t.string({
        description: 'The name of the model; if absent, the default model of the provider, which `open` lacks.',
      }),
      instructions: t.string({ description: 'The instructions for the model; at most 32,000 characters.' }),
      fallbackMessage: t.string({
        description: 'The reply to a question that the sources of the chatbot do not cover; 1 to 2,000 characters.',
      }),
      handoffMessage: t.string({
        description:
          'The notice to a visitor who writes while a person answers in place of the chatbot; 1 to 2,000 characters.',
      }),
      leadForm: t.field({
        type: LeadFormInput,
        description: 'The form for contact details of a visitor; by default `name`, `email` and `phone`.',
      }),
      answering: t.field({ type: AnsweringInput, description: 'The answer settings.' }),
      metadata: t.field({
        type: 'JSON',
        description: "Your application's data about the chatbot; an object of at most 16 kB.",
      }),
    }),
  },
  {
    description: 'Creates a chatbot. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ chatbot: await createChatbot(deps, viewer, input) }),
  },
  {
    description: 'The new chatbot.',
    outputFields: (t) => ({ chatbot: t.expose('chatbot', { type: ChatbotRef, description: 'The new chatbot.' }) }),
  },
);

builder.relayMutationField(
  'updateChatbot',
  {
    description: `The changes to a chatbot. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the chatbot.' }),
      name: t.string({ description: 'The name shown to visitors; 1 to 255 characters. Must not be null.' }),
      slug: t.string({
        description:
          'The name in URLs: 1 to 64 lower-case letters, digits and hyphens, unique within the account. Must not be null.',
      }),
      provider: t.string({ description: `${providerDescription} Null resets it to \`builtin\`.` }),
      model: t.string({
        description:
          'The name of the model. Null selects the default model of the provider, and so does a change of `provider` if the field is absent.',
      }),
      instructions: t.string({
        description: 'The instructions for the model; at most 32,000 characters, and null removes them.',
      }),
      fallbackMessage: t.string({
        description:
          'The reply to a question that the sources of the chatbot do not cover; 1 to 2,000 characters. Null resets it to its default.',
      }),
      handoffMessage: t.string({
        description:
          'The notice to a visitor who writes while a person answers in place of the chatbot; 1 to 2,000 characters. Null resets it to its default.',
      }),
      leadForm: t.field({
        type: LeadFormInput,
        description:
          'The form for contact details of a visitor, replaced as a whole; null resets it to `name`, `email` and `phone`.',
      }),
      answering: t.field({
        type: AnsweringInput,
        description: 'The answer settings, each changed by itself; null resets all of them.',
      }),
      metadata: t.field({
        type: 'JSON',
        description:
          "Your application's data about the chatbot, replaced as a whole; an object of at most 16 kB, and null removes it.",
      }),
      persistedOnly: t.boolean({
        description:
          'True allows every session of the chatbot only the documents of its manifest. Null resets it to false.',
      }),
      sessionOperations: t.string({
        description:
          'The name of the manifest whose documents public sessions may run, which must have been pushed. Null selects the built-in manifest `chat`.',
      }),
      isPublic: t.boolean({
        description:
          'True lets pages of `allowedOrigins`, and the chat page of the gateway, start sessions without a key. Takes effect within 2 seconds. Must not be null.',
      }),
      allowedOrigins: t.stringList({
        description:
          'The exact origins, such as `https://shop.example`, replaced as a whole; at most 50. Null removes all. Takes effect within 2 seconds.',
      }),
      identity: t.field({ type: ChatbotIdentityInput, description: 'The rules of identity. Must not be null.' }),
      isActive: t.boolean({
        description:
          'False pauses the chatbot: a streaming reply continues to its end, and waiting replies begin when it is active again. Must not be null.',
      }),
    }),
  },
  {
    description: 'Changes a chatbot. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ chatbot: await updateChatbot(deps, viewer, input) }),
  },
  {
    description: 'The updated chatbot.',
    outputFields: (t) => ({
      chatbot: t.expose('chatbot', { type: ChatbotRef, description: 'The chatbot after the change.' }),
    }),
  },
);

builder.relayMutationField(
  'deleteChatbot',
  {
    description: 'The chatbot to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the chatbot.' }) }),
  },
  {
    description: 'Deletes a chatbot with its sources, conversations and messages, permanently. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteChatbot(deps, viewer, input),
  },
  {
    description: 'The deleted chatbot.',
    outputFields: (t) => ({
      deletedId: t.exposeID('deletedId', { description: 'The id of the deleted chatbot.' }),
    }),
  },
);
