import { z } from 'zod';
import { type Answering, CHATBOT_TOOLS, GROUNDINGS } from '../domain/answering.ts';
import { resettable, singleLine } from '../domain/input.ts';

/** The maximum number of fallback models, which are called when the first model fails. */
export const MAX_FALLBACKS = 5;

/** A chatbot's default answer settings. */
export const DEFAULT_ANSWERING: Answering = {
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
};

/** The answer settings that a chatbot's owner gives. An absent setting does not change; null resets it to its default. */
export type AnsweringInput = {
  readonly [K in Exclude<keyof Answering, 'fallbackModels'>]?: Answering[K] | null | undefined;
} & {
  readonly fallbackModels?:
    | readonly { readonly provider: string; readonly model?: string | null | undefined }[]
    | null
    | undefined;
};

/**
 * Creates the input rules for answer settings. Their output omits absent settings.
 * @param providers the valid provider names.
 */
export function answeringRules(providers: readonly string[]) {
  const modelName = z.object({
    provider: z.enum(providers, `Must be one of: ${providers.join(', ')}.`),
    model: singleLine(1, 255)
      .nullish()
      .transform((model) => model ?? null),
  });
  const rules = z.object({
    grounding: resettable(z.enum(GROUNDINGS), DEFAULT_ANSWERING.grounding),
    fallbackModels: resettable(
      z.array(modelName).max(MAX_FALLBACKS, `Must have at most ${MAX_FALLBACKS} models.`),
      DEFAULT_ANSWERING.fallbackModels,
    ),
    tools: resettable(
      z.array(z.enum(CHATBOT_TOOLS)).transform((tools) => [...new Set(tools)]),
      DEFAULT_ANSWERING.tools,
    ),
    showsReasoning: resettable(z.boolean(), DEFAULT_ANSWERING.showsReasoning),
    sharesMetadata: resettable(z.boolean(), DEFAULT_ANSWERING.sharesMetadata),
    suggestsFollowUps: resettable(z.boolean(), DEFAULT_ANSWERING.suggestsFollowUps),
  });
  return rules.transform(
    (input) =>
      Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as Partial<Answering>,
  );
}
