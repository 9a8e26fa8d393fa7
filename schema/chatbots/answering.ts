import { MAX_FALLBACKS } from '../../src/chatbots/answering.ts';
import type {
  Answering,
  ChatbotTool as ChatbotToolName,
  Grounding as GroundingName,
  ModelName,
} from '../../src/domain/answering.ts';
import { builder, CHANGES_RULE, type FieldExtensions } from '../builder.ts';

const Grounding = builder.enumType('Grounding', {
  description: 'The knowledge that a model may use in its answers.',
  values: {
    STRICT: {
      description:
        'Only the sources. If they do not cover the question, the reply is the `fallbackMessage` and no model is asked, unless the chatbot has `tools`.',
    },
    OPEN: {
      description:
        'The sources and the general knowledge of the model, which it cannot cite. The model is asked even if the sources do not cover the question.',
    },
  } satisfies Record<GroundingName, object>,
});

const ChatbotTool = builder.enumType('ChatbotTool', {
  description: 'An action that a model may take while it answers.',
  values: {
    ESCALATE_TO_HUMAN: { description: 'Asks for a person, as `escalateConversation` does.' },
    CAPTURE_LEAD: { description: 'Stores contact details of the visitor, as `captureLead` does.' },
  } satisfies Record<ChatbotToolName, object>,
});

const ModelNameRef = builder.objectRef<ModelName>('ModelName').implement({
  description: 'A model of a provider.',
  fields: (t) => ({
    provider: t.exposeString('provider', {
      description: 'The name of the provider; `builtin` is the engine that needs no model.',
    }),
    model: t.exposeString('model', {
      nullable: true,
      description: 'The name of the model; null means the default model of the provider.',
    }),
  }),
});

/** The answer settings of a chatbot. */
export const AnsweringRef = builder.objectRef<Answering>('Answering').implement({
  description: 'The answer settings of a chatbot. The built-in engine uses only `suggestsFollowUps`.',
  fields: (t) => ({
    grounding: t.expose('grounding', {
      type: Grounding,
      description: 'The knowledge that a model may use in its answers.',
    }),
    fallbackModels: t.field({
      type: [ModelNameRef],
      description: `Models to try, in this order, when a model fails before the first text of an answer; at most ${MAX_FALLBACKS}.`,
      extensions: { listSize: () => MAX_FALLBACKS } satisfies FieldExtensions,
      resolve: ({ fallbackModels }) => [...fallbackModels],
    }),
    tools: t.field({
      type: [ChatbotTool],
      description: 'The actions that a model may take while it answers.',
      extensions: { listSize: () => 2 } satisfies FieldExtensions,
      resolve: ({ tools }) => [...tools],
    }),
    showsReasoning: t.exposeBoolean('showsReasoning', {
      description: 'True if the reasoning of a model is stored in `Message.reasoning`.',
    }),
    sharesMetadata: t.exposeBoolean('sharesMetadata', {
      description: 'True if the prompt contains `Conversation.metadata`, such as the plan of the visitor.',
    }),
    suggestsFollowUps: t.exposeBoolean('suggestsFollowUps', {
      description: 'True if follow-up questions are suggested after a reply: see `FollowUpsSuggested`.',
    }),
  }),
});

const ModelNameInput = builder.inputType('ModelNameInput', {
  description: 'A model of a provider.',
  fields: (t) => ({
    provider: t.string({ required: true, description: 'The name of the provider, such as `openai`.' }),
    model: t.string({ description: 'The name of the model; if absent, the default model of the provider.' }),
  }),
});

/** The answer settings in the input of a mutation. */
export const AnsweringInput = builder.inputType('AnsweringInput', {
  description: `The answer settings of a chatbot. ${CHANGES_RULE} In a new chatbot, an absent field has its default.`,
  fields: (t) => ({
    grounding: t.field({
      type: Grounding,
      description: 'The knowledge that a model may use; null resets it to STRICT.',
    }),
    fallbackModels: t.field({
      type: [ModelNameInput],
      description: `Models to try when a model fails, of configured providers, replaced as a whole; at most ${MAX_FALLBACKS}, and null resets them to none.`,
    }),
    tools: t.field({
      type: [ChatbotTool],
      description: 'The actions that a model may take, replaced as a whole; null resets them to none.',
    }),
    showsReasoning: t.boolean({ description: 'True to store the reasoning of a model; null resets it to false.' }),
    sharesMetadata: t.boolean({
      description: 'True to put `Conversation.metadata` into the prompt; null resets it to false.',
    }),
    suggestsFollowUps: t.boolean({
      description: 'True to suggest follow-up questions after a reply; null resets it to false.',
    }),
  }),
});
