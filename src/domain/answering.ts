/** How a chatbot answers by models, and the names of those. */

/** What an answer may rest on: the sources alone, or also what a model knows by itself. */
export const GROUNDINGS = ['STRICT', 'OPEN'] as const;
/** One of `GROUNDINGS`. */
export type Grounding = (typeof GROUNDINGS)[number];

/** What a model may do besides writing, where its chatbot allows it. */
export const CHATBOT_TOOLS = ['ESCALATE_TO_HUMAN', 'CAPTURE_LEAD'] as const;
/** One of `CHATBOT_TOOLS`. */
export type ChatbotTool = (typeof CHATBOT_TOOLS)[number];

/** How a chatbot's models answer; the built-in engine heeds `suggestsFollowUps` alone. */
export interface Answering {
  readonly grounding: Grounding;
  /** Tried in their order when the chatbot's own model fails before its first token. */
  readonly fallbackModels: readonly ModelName[];
  readonly tools: readonly ChatbotTool[];
  /** Whether what a model thinks before it writes is kept and shown. */
  readonly showsReasoning: boolean;
  /** Whether models are told the metadata that came with the conversation. */
  readonly sharesMetadata: boolean;
  readonly suggestsFollowUps: boolean;
}

/** A model of a provider; `model` null: the provider's default. */
export interface ModelName {
  readonly provider: string;
  readonly model: string | null;
}
