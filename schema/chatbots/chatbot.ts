import { createChatbot, deleteChatbot, updateChatbot } from '../../src/chatbots/chatbots.ts';
import type { Chatbot, LeadField, LeadForm } from '../../src/domain/entities.ts';
import { BadUserInputError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { parseId } from '../../src/domain/ids.ts';
import { findChatbotBySlug, listChatbots } from '../../src/store/chatbots.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { parseForAnswer } from '../scalars.ts';
import { AnsweringInput, AnsweringRef } from './answering.ts';

const LeadFieldRef = builder.objectRef<LeadField>('LeadField').implement({
  description: 'One question of a lead form.',
  fields: (t) => ({
    name: t.exposeString('name', {
      description: 'What it asks for: `name`, `email` and `phone` are fields of the lead, others are in `customData`.',
    }),
    label: t.exposeString('label', { description: 'The question, for people.' }),
    isRequired: t.exposeBoolean('isRequired', { description: 'Whether it has to be answered.' }),
  }),
});

const LeadFormRef = builder.objectRef<LeadForm>('LeadForm').implement({
  description: 'What visitors are asked who want to be reached.',
  fields: (t) => ({
    title: t.exposeString('title', { description: 'Its heading.' }),
    fields: t.field({
      type: [LeadFieldRef],
      description: 'Its questions, in their order; at most 20.',
      extensions: { listSize: () => 20 } satisfies FieldExtensions,
      resolve: ({ fields }) => [...fields],
    }),
  }),
});

const LeadFieldInput = builder.inputType('LeadFieldInput', {
  description: 'One question of a lead form.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: '`name`, `email`, `phone`, or a name of your own: 1 to 64 letters, digits and _, a letter first.',
    }),
    label: t.string({ required: true, description: 'The question, for people; 1 to 255 characters.' }),
    isRequired: t.boolean({ defaultValue: false, description: 'Whether it has to be answered.' }),
  }),
});

const LeadFormInput = builder.inputType('LeadFormInput', {
  description: 'What visitors are asked who want to be reached.',
  fields: (t) => ({
    title: t.string({ required: true, description: 'Its heading; 1 to 255 characters.' }),
    fields: t.field({
      type: [LeadFieldInput],
      required: true,
      description: 'Its questions, 1 to 20, of different names.',
    }),
  }),
});

/** A chatbot. Its sources and conversations are added by their own files. */
export const ChatbotRef = builder.objectRef<Chatbot>('Chatbot').implement({
  description: 'Answers visitors from its own sources.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    slug: t.exposeString('slug', { description: 'Its name in addresses; unique within the account.' }),
    provider: t.exposeString('provider', {
      description: 'Who writes its answers: `builtin` quotes the sources and needs no model; or one of `providers`.',
    }),
    model: t.exposeString('model', {
      nullable: true,
      description: "Which of the provider's models; null means its default.",
    }),
    instructions: t.exposeString('instructions', {
      authScopes: { $any: { READ: true, MANAGE: true } },
      description: 'What it is told to be and do; may be empty. Needs `READ` or `MANAGE`.',
    }),
    fallbackMessage: t.exposeString('fallbackMessage', {
      description: 'What it says when its sources hold no answer.',
    }),
    handoffMessage: t.exposeString('handoffMessage', {
      description: 'What it says when a person has taken over a conversation.',
    }),
    leadForm: t.expose('leadForm', { type: LeadFormRef, description: 'What it asks visitors who want to be reached.' }),
    answering: t.expose('answering', { type: AnsweringRef, description: 'How it answers by models.' }),
    isActive: t.exposeBoolean('isActive', {
      description:
        'Whether it takes messages; false means paused: it begins no reply, and replies that wait are begun when it is active again. Where a person has taken over, visitors can still write.',
    }),
    metadata: t.field({
      type: 'JSON',
      description: 'Free data of its owner; an object.',
      resolve: (chatbot) => parseForAnswer(chatbot.metadata),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When one of its fields last changed.' }),
  }),
});

builder.queryFields((t) => ({
  chatbot: t.field({
    type: ChatbotRef,
    nullable: true,
    authScopes: { READ: true },
    description: 'One chatbot, by its id or its slug: give exactly one. Null when there is none.',
    args: {
      id: t.arg.id({ description: 'Its id.' }),
      slug: t.arg.string({ description: 'Its slug.' }),
    },
    resolve: async (_root, args, { deps, viewer, loaders }) => {
      if ((args.id == null) === (args.slug == null))
        throw new BadUserInputError('Give exactly one of `id` and `slug`.');
      if (args.slug != null) return (await findChatbotBySlug(deps.db.read, viewer.accountId, args.slug)) ?? null;
      const id = parseId('chatbot', args.id ?? '');
      return (id && (await loaders.chatbot.load(id))) || null;
    },
  }),
  chatbots: t.connection(
    {
      type: ChatbotRef,
      authScopes: { READ: true },
      description: "The account's chatbots, oldest first, paused ones included.",
      extensions: pageExtensions,
      resolve: (_root, args, { deps, viewer }) =>
        paginate('chatbot', args, (page) => listChatbots(deps.db.read, viewer.accountId, page)),
    },
    { name: 'ChatbotConnection', description: 'A page of chatbots.' },
    { name: 'ChatbotEdge', description: 'A chatbot and its place in the list.' },
  ),
}));

const providerHelp = 'Who writes its answers: `builtin`, or the name of one of `providers`.';

builder.relayMutationField(
  'createChatbot',
  {
    description: 'The new chatbot. What is absent has a default.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'Its name; 1 to 255 characters.' }),
      slug: t.string({
        description:
          'Its name in addresses: 1 to 64 lower-case letters, digits and hyphens; absent: made from the name.',
      }),
      provider: t.string({ description: `${providerHelp} Absent: \`builtin\`.` }),
      model: t.string({ description: "Which of the provider's models; absent: its default." }),
      instructions: t.string({ description: 'What it is told to be and do; at most 32,000 characters.' }),
      fallbackMessage: t.string({ description: 'What it says when its sources hold no answer.' }),
      handoffMessage: t.string({ description: 'What it says when a person has taken over.' }),
      leadForm: t.field({
        type: LeadFormInput,
        description: 'What it asks visitors who want to be reached; absent: name, email and phone.',
      }),
      answering: t.field({ type: AnsweringInput, description: 'How it answers by models.' }),
      metadata: t.field({ type: 'JSON', description: 'Free data; an object of at most 16 kB.' }),
    }),
  },
  {
    description: 'Makes a chatbot. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ chatbot: await createChatbot(deps, viewer, input) }),
  },
  {
    description: 'The new chatbot.',
    outputFields: (t) => ({ chatbot: t.expose('chatbot', { type: ChatbotRef, description: 'The chatbot.' }) }),
  },
);

builder.relayMutationField(
  'updateChatbot',
  {
    description: 'Which chatbot, and its new fields. What is absent or null stays as it is.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the chatbot.' }),
      name: t.string({ description: 'Its name; 1 to 255 characters.' }),
      slug: t.string({ description: 'Its name in addresses: 1 to 64 lower-case letters, digits and hyphens.' }),
      provider: t.string({ description: providerHelp }),
      model: t.string({
        description: "Which of the provider's models; absent, with another provider: its default.",
      }),
      instructions: t.string({ description: 'What it is told to be and do; at most 32,000 characters.' }),
      fallbackMessage: t.string({ description: 'What it says when its sources hold no answer.' }),
      handoffMessage: t.string({ description: 'What it says when a person has taken over.' }),
      leadForm: t.field({ type: LeadFormInput, description: 'What it asks visitors, replaced as a whole.' }),
      answering: t.field({ type: AnsweringInput, description: 'How it answers by models; what is absent stays.' }),
      metadata: t.field({ type: 'JSON', description: 'Free data, replaced as a whole; an object of at most 16 kB.' }),
      isActive: t.boolean({
        description:
          'Whether it takes messages; false pauses it: a reply under way is written to its end, those that wait are begun when it is active again.',
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
    description: 'The changed chatbot.',
    outputFields: (t) => ({ chatbot: t.expose('chatbot', { type: ChatbotRef, description: 'The chatbot.' }) }),
  },
);

builder.relayMutationField(
  'deleteChatbot',
  {
    description: 'What to delete.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the chatbot.' }) }),
  },
  {
    description: 'Deletes a chatbot with its sources, conversations and messages. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => deleteChatbot(deps, viewer, input),
  },
  {
    description: 'What was deleted.',
    outputFields: (t) => ({
      deletedId: t.exposeID('deletedId', { description: 'The id that names nothing any more.' }),
    }),
  },
);
