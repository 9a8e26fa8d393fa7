import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { isProvider, PROVIDERS, type ProviderModel } from '../../src/domain/providers.ts';
import { FAMILIES, type ModelFamily } from '../../src/models/families.ts';
import { deleteProviderKey, setProviderKey } from '../../src/models/provider-keys.ts';
import { describeFailure, getProvider, listProviders, type ProviderStatus } from '../../src/models/providers.ts';
import { testProvider } from '../../src/models/test-provider.ts';
import { MAX_PROVIDER_MODELS } from '../../src/store/provider-models.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import type { GraphContext } from '../context.ts';
import { MessageErrorRef } from '../messages/generation.ts';

/** The display name of a provider, and the model it uses by default. */
function familyOf(name: string): Pick<ModelFamily, 'label' | 'defaultModel'> {
  return isProvider(name) ? FAMILIES[name] : { label: 'Built-in', defaultModel: null };
}

/** The number of providers that `listProviders` returns. */
const PROVIDER_COUNT = PROVIDERS.length + 1;

const ProviderKeySource = builder.enumType('ProviderKeySource', {
  description: 'The owner of the credentials for a provider.',
  values: {
    ENVIRONMENT: { description: 'The credentials of the operator, which all accounts share.' },
    ACCOUNT: { description: 'The credentials of the account, set by `setProviderKey`.' },
  } satisfies Record<NonNullable<ProviderStatus['keySource']>, object>,
});

const ProviderModelRef = builder.objectRef<ProviderModel>('ProviderModel').implement({
  description: 'A model that the account has used since its credentials last changed.',
  fields: (t) => ({
    model: t.exposeString('model', { description: 'The name of the model at the provider.' }),
    workedAt: t.expose('workedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the last success, to the minute; null if none.',
    }),
    failedAt: t.expose('failedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the last failure, to the minute; null if none.',
    }),
    lastError: t.field({
      type: MessageErrorRef,
      nullable: true,
      description: 'The error of the last failure; null after a success.',
      resolve: ({ failure }) => describeFailure(failure),
    }),
  }),
});

const ProviderRef = builder.objectRef<ProviderStatus>('Provider').implement({
  description: 'A provider of replies: the built-in engine or a family of models.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name for `Chatbot.provider`, such as `openai`.' }),
    label: t.string({ description: 'The display name.', resolve: ({ name }) => familyOf(name).label }),
    isConfigured: t.exposeBoolean('isConfigured', {
      description: 'True if credentials exist, valid or not (see `testProvider`), or none are needed.',
    }),
    keySource: t.expose('keySource', {
      type: ProviderKeySource,
      nullable: true,
      description: 'The owner of the credentials; null if there are none or none are needed.',
    }),
    keyEnding: t.string({
      nullable: true,
      description:
        "The last four characters of the account's own key; null if the account has no key, or a key of fewer than 8 characters.",
      resolve: ({ ownKey }) => ownKey?.keyEnding ?? null,
    }),
    baseUrl: t.string({
      nullable: true,
      description:
        "The base URL of the account's own credentials; null if it has none or uses the default URL of the provider.",
      resolve: ({ ownKey }) => ownKey?.baseUrl ?? null,
    }),
    defaultModel: t.string({
      nullable: true,
      description:
        'The model of chatbots without a `model`; null if chatbots of the provider must name a model, and for `builtin`.',
      resolve: ({ name }) => familyOf(name).defaultModel,
    }),
    models: t.field({
      type: [ProviderModelRef],
      description: `The models that the account has used, most recent first; at most ${MAX_PROVIDER_MODELS}.`,
      extensions: { listSize: () => MAX_PROVIDER_MODELS } satisfies FieldExtensions,
      resolve: ({ models }) => [...models],
    }),
    lastError: t.expose('lastError', {
      type: MessageErrorRef,
      nullable: true,
      description:
        "The error of the most recently used model, or of the account's own key if it cannot be decrypted; null if there is no error.",
    }),
  }),
});

builder.queryField('providers', (t) =>
  t.field({
    type: [ProviderRef],
    allowsRestricted: true,
    authScopes: { $any: { READ: true, MANAGE: true } },
    description: "All providers, with the account's credentials and models. Needs `READ` or `MANAGE`.",
    extensions: { listSize: () => PROVIDER_COUNT } satisfies FieldExtensions,
    resolve: (_root, _args, { deps, viewer }) => listProviders(deps, viewer),
  }),
);

/** The provider named in a mutation's input, in its state after the mutation. */
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
    description:
      'The credentials of the account for a provider. They replace the earlier ones as a whole: an absent or null field is not set.',
    inputFields: (t) => ({
      provider: t.string(providerName),
      apiKey: t.string({
        description: 'The API key, 1 to 512 printable characters; required except for `open`. It cannot be read again.',
      }),
      baseUrl: t.string({
        description:
          "A base URL in place of the provider's own, such as `https://models.example.com/v1`: a public http or https address on port 80, 443, 8080 or 8443. Required for `open`.",
      }),
    }),
  },
  {
    description:
      "Sets the account's own credentials for a provider, in place of all earlier ones. They take precedence over the operator's at once. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ provider: await setProviderKey(deps, viewer, input) }),
  },
  {
    description: 'The provider with its new credentials.',
    outputFields: (t) => ({
      provider: t.field(providerField('The provider with its new credentials.')),
    }),
  },
);

builder.relayMutationField(
  'deleteProviderKey',
  {
    description: 'The provider whose credentials to delete.',
    inputFields: (t) => ({ provider: t.string(providerName) }),
  },
  {
    description:
      "Deletes the account's own credentials for a provider. From then on, the operator's credentials apply, if there are any. Needs `MANAGE`.",
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ provider: await deleteProviderKey(deps, viewer, input) }),
  },
  {
    description: 'The provider without credentials of the account.',
    outputFields: (t) => ({
      provider: t.field(providerField('The provider without credentials of the account.')),
    }),
  },
);

builder.relayMutationField(
  'testProvider',
  {
    description: 'The provider and model to test.',
    inputFields: (t) => ({
      provider: t.string(providerName),
      model: t.string({
        description: 'The name of a model, 1 to 255 characters; if absent, the default model of the provider.',
      }),
    }),
  },
  {
    description:
      'Asks a model for one word with the credentials that chatbots would use, and waits at most 10 seconds. The provider bills the tokens; they do not count in `Account.usage`. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer, signal }) => testProvider(deps, viewer, input, signal),
  },
  {
    description: 'The result of the test.',
    outputFields: (t) => ({
      provider: t.field(providerField('The tested provider.')),
      model: t.exposeString('model', {
        nullable: true,
        description:
          'The model that was asked; null if the input named none and no model began to answer, and for `builtin`.',
      }),
      isWorking: t.boolean({ description: 'True if the model answered.', resolve: ({ failure }) => failure === null }),
      latencyMs: t.exposeInt('latencyMs', {
        description: 'The milliseconds until the answer ended or failed.',
      }),
      error: t.expose('failure', {
        type: MessageErrorRef,
        nullable: true,
        description: 'The error; null if the model answered.',
      }),
    }),
  },
);
