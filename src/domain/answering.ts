/** The settings of a chatbot's models, and the names of models. */

/** The basis of an answer: the sources only, or also the model's own knowledge. */
export const GROUNDINGS = ['STRICT', 'OPEN'] as const;
/** One of `GROUNDINGS`. */
export type Grounding = (typeof GROUNDINGS)[number];

/** The tools that a model may use if its chatbot allows it. */
export const CHATBOT_TOOLS = ['ESCALATE_TO_HUMAN', 'CAPTURE_LEAD'] as const;
/** One of `CHATBOT_TOOLS`. */
export type ChatbotTool = (typeof CHATBOT_TOOLS)[number];

/** How a chatbot's models answer; the built-in engine uses `suggestsFollowUps` only. */
export interface Answering {
  readonly grounding: Grounding;
  /** Tried in order when the chatbot's own model fails before its first token. */
  readonly fallbackModels: readonly ModelName[];
  readonly tools: readonly ChatbotTool[];
  /** Whether the model's reasoning is stored and shown. */
  readonly showsReasoning: boolean;
  /** Whether the prompt includes the conversation's metadata. */
  readonly sharesMetadata: boolean;
  readonly suggestsFollowUps: boolean;
}

/** A provider's model; `model` is null for the provider's default. */
export interface ModelName {
  readonly provider: string;
  readonly model: string | null;
}
