import { z } from 'zod';
import { type Answering, CHATBOT_TOOLS, GROUNDINGS } from '../domain/answering.ts';
import { line } from '../domain/input.ts';

/** How many models may be asked in place of one that fails. */
export const MAX_FALLBACKS = 5;

/** How a chatbot answers unless its owner says otherwise. */
export const DEFAULT_ANSWERING: Answering = {
  grounding: 'STRICT',
  fallbackModels: [],
  tools: [],
  showsReasoning: false,
  sharesMetadata: false,
  suggestsFollowUps: false,
};

/** How a chatbot answers, as its owner gives it: absent and null leave what there is. */
export type AnsweringInput = {
  readonly [K in Exclude<keyof Answering, 'fallbackModels'>]?: Answering[K] | null | undefined;
} & {
  readonly fallbackModels?:
    | readonly { readonly provider: string; readonly model?: string | null | undefined }[]
    | null
    | undefined;
};

/** The rules of how a chatbot answers; what is absent is left out. @param providers that there are. */
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
