import type { ProviderModel } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { isProvider, PROVIDERS } from '../../src/domain/providers.ts';
import { FAMILIES, type ModelFamily } from '../../src/models/families.ts';
import { deleteProviderKey, setProviderKey } from '../../src/models/provider-keys.ts';
import { describeFailure, getProvider, listProviders, type ProviderStatus } from '../../src/models/providers.ts';
import { testProvider } from '../../src/models/test-provider.ts';
import { MAX_PROVIDER_MODELS } from '../../src/store/provider-models.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import type { GraphContext } from '../context.ts';
import { MessageErrorRef } from '../messages/generation.ts';

/** What a provider is called, and which model is asked where none is named. */
function familyOf(name: string): Pick<ModelFamily, 'label' | 'defaultModel'> {
  return isProvider(name) ? FAMILIES[name] : { label: 'Built-in', defaultModel: null };
}

/** All that `listProviders` gives. */
const PROVIDER_COUNT = PROVIDERS.length + 1;

const ProviderKeySource = builder.enumType('ProviderKeySource', {
  description: 'Whose access a provider is asked with.',
  values: {
    ENVIRONMENT: { description: "The operator's, which all accounts share." },
    ACCOUNT: { description: "The account's own, set by `setProviderKey`." },
  } satisfies Record<NonNullable<ProviderStatus['keySource']>, object>,
});

const ProviderModelRef = builder.objectRef<ProviderModel>('ProviderModel').implement({
  description: 'A model that the account has asked since its access was last changed.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'Its name, as the provider calls it.' }),
    workedAt: t.expose('workedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last worked, to the minute; null when it never did.',
    }),
    failedAt: t.expose('failedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it last failed, to the minute; null when it never did.',
    }),
    lastError: t.field({
      type: MessageErrorRef,
      nullable: true,
      description: 'Why it failed the last time; null when it has worked since.',
      resolve: ({ failure }) => describeFailure(failure),
    }),
  }),
});

const ProviderRef = builder.objectRef<ProviderStatus>('Provider').implement({
  description: 'Who can answer in the name of a chatbot: the built-in engine, or a family of models.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What `Chatbot.provider` says, such as `openai`.' }),
    label: t.string({ description: 'Its name for people.', resolve: ({ name }) => familyOf(name).label }),
    isConfigured: t.exposeBoolean('isConfigured', {
      description: 'Whether there is an access to it, which may or may not work: see `testProvider`.',
    }),
    keySource: t.expose('keySource', {
      type: ProviderKeySource,
      nullable: true,
      description: 'Whose access that is; null when there is none, or none is needed.',
    }),
    keyEnding: t.string({
      nullable: true,
      description:
        "The last four characters of the account's own key; null when it has none, or one under 8 characters.",
      resolve: ({ own }) => own?.keyEnding ?? null,
    }),
    baseUrl: t.string({
      nullable: true,
      description: "Where the account's own access goes; null when it has none, or one to the provider's own address.",
      resolve: ({ own }) => own?.baseUrl ?? null,
    }),
    defaultModel: t.string({
      nullable: true,
      description:
        'The model that is asked where a chatbot names none; null where it has to name one, or there is none.',
      resolve: ({ name }) => familyOf(name).defaultModel,
    }),
    models: t.field({
      type: [ProviderModelRef],
      description: `The models that the account has asked, used last first; at most ${MAX_PROVIDER_MODELS}.`,
      extensions: { listSize: () => MAX_PROVIDER_MODELS } satisfies FieldExtensions,
      resolve: ({ models }) => [...models],
    }),
    lastError: t.expose('lastError', {
      type: MessageErrorRef,
      nullable: true,
      description:
        "Why the model that was asked last has failed, or that the account's own key cannot be read any more; null when all is well.",
    }),
  }),
});

builder.queryField('providers', (t) =>
  t.field({
    type: [ProviderRef],
    authScopes: { $any: { READ: true, MANAGE: true } },
    description: 'Everything that can answer, and how the account stands with it. Needs `READ` or `MANAGE`.',
    extensions: { listSize: () => PROVIDER_COUNT } satisfies FieldExtensions,
    resolve: (_root, _args, { deps, viewer }) => listProviders(deps, viewer),
  }),
);

/** The provider that a mutation names, as it stands afterwards. */
const providerField = (description: string) => ({
  type: ProviderRef,
  description,
  resolve: (
    { provider }: { readonly provider: ProviderStatus['name'] },
    _args: object,
    { deps, viewer }: GraphContext,
  ) => getProvider(deps, viewer, provider),
});

const providerName = { required: true, description: 'The name of the provider, such as `openai`.' } as const;

builder.relayMutationField(
  'setProviderKey',
  {
    description: 'What the account reaches a provider with.',
    inputFields: (t) => ({
      provider: t.string(providerName),
      apiKey: t.string({
        description: 'The key, 1 to 512 printable characters; only `open` may do without. Nobody can read it again.',
      }),
      baseUrl: t.string({
        description:
          "An address instead of the provider's own, such as `https://models.example.com/v1`: public, http or https, on port 80, 443, 8080 or 8443. `open` needs one.",
      }),
    }),
  },
  {
    description:
      "Sets the account's own access to a provider, as a whole: what is left out is not kept. It goes before the operator's at once. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ provider: await setProviderKey(deps, viewer, input) }),
  },
  {
    description: 'What was set.',
    outputFields: (t) => ({
      provider: t.field(providerField('The provider with its new access.')),
    }),
  },
);

builder.relayMutationField(
  'deleteProviderKey',
  {
    description: 'What to delete.',
    inputFields: (t) => ({ provider: t.string(providerName) }),
  },
  {
    description:
      "Deletes the account's own access to a provider. From then on the operator's counts, if there is one. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ provider: await deleteProviderKey(deps, viewer, input) }),
  },
  {
    description: 'What was deleted.',
    outputFields: (t) => ({
      provider: t.field(providerField('The provider without it.')),
    }),
  },
);

builder.relayMutationField(
  'testProvider',
  {
    description: 'What to test.',
    inputFields: (t) => ({
      provider: t.string(providerName),
      model: t.string({ description: "A model, 1 to 255 characters; absent: the provider's default." }),
    }),
  },
  {
    description:
      'Asks a model for one word, with the access that chatbots would use, and waits 10 seconds at most. The tokens count at the provider, and nowhere here. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer, signal }) => testProvider(deps, viewer, input, signal),
  },
  {
    description: 'What came of the test.',
    outputFields: (t) => ({
      provider: t.field(providerField('The provider.')),
      model: t.exposeString('model', {
        nullable: true,
        description: 'The model that was asked; null when none was named, and none has answered.',
      }),
      isWorking: t.boolean({ description: 'Whether it has answered.', resolve: ({ failure }) => failure === null }),
      latencyMs: t.exposeInt('latencyMs', {
        description: 'Milliseconds to the end of its answer, or until it failed.',
      }),
      error: t.field({
        type: MessageErrorRef,
        nullable: true,
        description: 'Why it has not; null when it has.',
        resolve: ({ failure }) => describeFailure(failure),
      }),
    }),
  },
);
