import type { Deps } from '../deps.ts';
import type { ModelName } from '../domain/answering.ts';
import type { Chatbot } from '../domain/entities.ts';
import { type FieldProblem, InvalidInputError } from '../domain/errors.ts';
import { isProvider } from '../domain/providers.ts';
import { FAMILIES, withDefaultModel } from '../models/families.ts';

/** The models of a chatbot. */
type ChatbotModels = Pick<Chatbot, 'provider' | 'model'> & {
  readonly answering: Pick<Chatbot['answering'], 'fallbackModels'>;
};

/** A model that an input chooses, and the path of the object in the input that names it. */
interface ChosenModel extends ModelName {
  readonly path: readonly string[];
}

/**
 * Refuses models that could answer nothing: a provider without credentials of the account or the operator, and one
 * without a default model if the input names no model. Whether a model exists is not checked, because only its provider
 * knows. A model that the chatbot has already is not checked again, so that its other settings can change.
 * @param before the chatbot before the change; absent for a new one.
 * @throws InvalidInputError
 */
export async function requireUsableModels(
  { providerAccess }: Pick<Deps, 'providerAccess'>,
  accountId: string,
  after: ChatbotModels,
  before?: ChatbotModels,
): Promise<void> {
  const fallbackModels = after.answering.fallbackModels.map(({ provider, model }, index) => ({
    ...{ provider, model },
    path: ['answering', 'fallbackModels', String(index)],
  }));
  const chosen: ChosenModel[] = [{ provider: after.provider, model: after.model, path: [] }, ...fallbackModels];
  const existing = before === undefined ? [] : [before, ...before.answering.fallbackModels];
  const problems: FieldProblem[] = [];
  for (const model of chosen) {
    if (existing.some((other) => other.provider === model.provider && other.model === model.model)) continue;
    const { provider, path } = model;
    if (!isProvider(provider)) continue;
    const { credentials, setting } = FAMILIES[provider];
    if ((await providerAccess.findCredentials(accountId, provider)) === undefined) {
      const message = `The provider ${provider} has no ${credentials}: first set ${setting}, or the account's own by setProviderKey.`;
      problems.push({ path: [...path, 'provider'], message });
    } else if (withDefaultModel(model).model === null) {
      problems.push({ path: [...path, 'model'], message: `The provider ${provider} has no default model: name one.` });
    }
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
}
