import { z } from 'zod';
import { type Answering, CHATBOT_TOOLS, GROUNDINGS } from '../domain/answering.ts';
import { singleLine } from '../domain/input.ts';

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

/** The answer settings that a chatbot's owner gives; a setting that is absent or null does not change. */
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
    grounding: z.enum(GROUNDINGS).nullish(),
    fallbackModels: z.array(modelName).max(MAX_FALLBACKS, `Must have at most ${MAX_FALLBACKS} models.`).nullish(),
    tools: z
      .array(z.enum(CHATBOT_TOOLS))
      .transform((tools) => [...new Set(tools)])
      .nullish(),
    showsReasoning: z.boolean().nullish(),
    sharesMetadata: z.boolean().nullish(),
    suggestsFollowUps: z.boolean().nullish(),
  });
  return rules.transform(
    (input) => Object.fromEntries(Object.entries(input).filter(([, value]) => value != null)) as Partial<Answering>,
  );
}
