import { z } from 'zod';
import { type Answering, CHATBOT_TOOLS, GROUNDINGS } from '../domain/answering.ts';
import { line } from '../domain/input.ts';

/** The greatest number of fallback models, which are asked when the first model fails. */
export const MAX_FALLBACKS = 5;

/** A chatbot's answer settings unless its owner sets others. */
export const DEFAULT_ANSWERING: Answering = {
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
};

/** A chatbot's answer settings as its owner gives them; absent and null leave a setting as it is. */
export type AnsweringInput = {
  readonly [K in Exclude<keyof Answering, 'fallbackModels'>]?: Answering[K] | null | undefined;
} & {
  readonly fallbackModels?:
    | readonly { readonly provider: string; readonly model?: string | null | undefined }[]
    | null
    | undefined;
};

/** Creates the input rules of answer settings; absent settings are left out. @param providers the valid provider names. */
export function answeringRules(providers: readonly string[]) {
  const modelName = z.object({
    provider: z.enum(providers, `Must be one of: ${providers.join(', ')}.`),
    model: line(1, 255)
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
    (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)) as Partial<Answering>,
  );
}
