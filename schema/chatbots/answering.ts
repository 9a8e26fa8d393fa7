import { MAX_FALLBACKS } from '../../src/chatbots/answering.ts';
import type {
  Answering,
  ChatbotTool as ChatbotToolName,
  Grounding as GroundingName,
  ModelName,
} from '../../src/domain/answering.ts';
import { builder, type FieldExtensions } from '../builder.ts';

const Grounding = builder.enumType('Grounding', {
  description: 'What the answers of models may rest on.',
  values: {
    STRICT: {
      description:
        'The sources alone. Where they are not about the question no model is asked, unless it has tools, and the fallback message is said.',
    },
    OPEN: {
      description: 'Also what the model knows by itself, which it cannot cite. It is asked whatever the sources say.',
    },
  } satisfies Record<GroundingName, object>,
});

const ChatbotTool = builder.enumType('ChatbotTool', {
  description: 'What a model may do besides writing.',
  values: {
    ESCALATE_TO_HUMAN: { description: 'Ask for a person, as `escalateConversation` does.' },
    CAPTURE_LEAD: { description: 'Keep how the visitor can be reached, as `captureLead` does.' },
  } satisfies Record<ChatbotToolName, object>,
});

const ModelNameRef = builder.objectRef<ModelName>('ModelName').implement({
  description: 'A model of a provider.',
  fields: (t) => ({
    provider: t.exposeString('provider', { description: 'The provider; `builtin` is the engine that needs no model.' }),
    model: t.exposeString('model', {
      nullable: true,
      description: 'The model; null means the default of the provider.',
    }),
  }),
});

/** How a chatbot answers. */
export const AnsweringRef = builder.objectRef<Answering>('Answering').implement({
  description: 'How a chatbot answers by models. The built-in engine heeds `suggestsFollowUps` alone.',
  fields: (t) => ({
    grounding: t.expose('grounding', { type: Grounding, description: 'What answers may rest on.' }),
    fallbackModels: t.field({
      type: [ModelNameRef],
      description: `What is asked instead, in this order, when a model fails before the first word of an answer; at most ${MAX_FALLBACKS}.`,
      extensions: { listSize: () => MAX_FALLBACKS } satisfies FieldExtensions,
      resolve: ({ fallbackModels }) => [...fallbackModels],
    }),
    tools: t.field({
      type: [ChatbotTool],
      description: 'What models may do besides writing; at most all of them.',
      extensions: { listSize: () => 2 } satisfies FieldExtensions,
      resolve: ({ tools }) => [...tools],
    }),
    showsReasoning: t.exposeBoolean('showsReasoning', {
      description: 'Whether what a model thinks before it writes is kept as `reasoning` of the message.',
    }),
    sharesMetadata: t.exposeBoolean('sharesMetadata', {
      description: 'Whether models are told the metadata of the conversation, such as the name or plan of the visitor.',
    }),
    suggestsFollowUps: t.exposeBoolean('suggestsFollowUps', {
      description: 'Whether questions are suggested after an answer: see `FollowUpsSuggested`.',
    }),
  }),
});

const ModelNameInput = builder.inputType('ModelNameInput', {
  description: 'A model of a provider.',
  fields: (t) => ({
    provider: t.string({ required: true, description: 'The provider.' }),
    model: t.string({ description: 'The model; absent: the default of the provider.' }),
  }),
});

/** How a chatbot shall answer. */
export const AnsweringInput = builder.inputType('AnsweringInput', {
  description: 'How a chatbot answers by models. What is absent or null stays as it is, or at its default.',
  fields: (t) => ({
    grounding: t.field({ type: Grounding, description: 'What answers may rest on; by default STRICT.' }),
    fallbackModels: t.field({
      type: [ModelNameInput],
      description: `What is asked instead when a model fails, replaced as a whole; at most ${MAX_FALLBACKS}, by default none.`,
    }),
    tools: t.field({
      type: [ChatbotTool],
      description: 'What models may do besides writing, replaced as a whole; by default nothing.',
    }),
    showsReasoning: t.boolean({ description: 'Whether what a model thinks is kept; by default not.' }),
    sharesMetadata: t.boolean({
      description: 'Whether models are told the metadata of the conversation; by default not.',
    }),
    suggestsFollowUps: t.boolean({ description: 'Whether questions are suggested after an answer; by default not.' }),
  }),
});
