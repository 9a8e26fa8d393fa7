import { setTimeout as wait } from 'node:timers/promises';
import type { ModelName } from '../domain/answering.ts';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import { type Breaker, createBreaker } from '../domain/breaker.ts';
import { AnswerFailure, type FailureCode } from '../domain/failures.ts';
import { isProvider, type Provider } from '../domain/providers.ts';
import { ModelFailure, toModelFailure } from './failure.ts';
import { type CreateModel, FAMILIES, type ModelConnection, type ModelEndpoint } from './families.ts';
import { createLimitedFetch } from './limited-fetch.ts';
import type { ModelCall, ModelStream, Models, ProviderCredentials } from './model-types.ts';
import { createRedact, type Redact } from './redact.ts';
import { readModelSteps, type StepReader, type StepSource } from './steps.ts';
import { MAX_ANSWER_CHARS } from './stream-parts.ts';

/** The options of `createModels`. */
export interface ModelsOptions {
  /** Finds an account's credentials for a provider; undefined when the provider is not configured. */
  findCredentials(accountId: string, provider: Provider): Promise<ProviderCredentials | undefined>;
  /**
   * Called with the outcome of each call: null when the model started to answer, otherwise the failure. Not called for
   * calls that were aborted or that a circuit breaker refused.
   */
  onOutcome(accountId: string, name: ModelName, failure: FailureCode | null): void;
  /** The timeout until the first text, reasoning or tool call. All bytes before it restart the timeout. */
  readonly firstByteMs: number;
  /** The timeout between two parts of the response after that. */
  readonly silenceMs: number;
}

/** The maximum number of retries of a call, and the delay before the first retry and the maximum delay. */
const MAX_RETRIES = 2;
const FIRST_RETRY_DELAY_MS = 500;
const MAX_RETRY_DELAY_MS = 10_000;
/** After `maxFailures` consecutive failures with the same credentials, a model is not called for `pauseMs`. */
const BREAKER = { maxFailures: 5, pauseMs: 30_000 };
/** Cache sizes; the least recently used entry is dropped. */
const MAX_CLIENTS = 500;
const MAX_BREAKERS = 2_000;
/** Enough for the longest answer in any protocol. An event is parsed synchronously, which blocks other requests. */
const RESPONSE_LIMITS = { maxBytes: 64 * 1_024 * 1_024, maxEventBytes: 1_024 * 1_024, maxErrorBytes: 1_024 * 1_024 };

/** A loaded provider package that uses one identity's credentials. */
interface ProviderClient {
  readonly identity: string;
  readonly fetch: typeof globalThis.fetch;
  readonly createModel: Promise<CreateModel>;
  readonly redact: Redact;
}

/** A call with its model, client and circuit breaker. */
interface ResolvedCall {
  readonly call: ModelCall;
  readonly provider: Provider;
  readonly model: string;
  readonly client: ProviderClient;
  readonly breaker: Breaker;
  readonly signal: AbortSignal;
}

/** Creates the service that calls hosted models. */
export function createModels(options: ModelsOptions): Models {
  const clients = createBoundedCache<ProviderClient>(MAX_CLIENTS);
  const breakers = createBoundedCache<Breaker>(MAX_BREAKERS);

  function getClient(provider: Provider, credentials: ProviderCredentials | undefined): ProviderClient {
    const endpoint = toEndpoint(provider, credentials);
    if (credentials === undefined || endpoint === undefined)
      throw misconfiguredFailure(`${provider} is not configured.`);
    const key = `${provider} ${credentials.identity}`;
    const cached = clients.get(key);
    if (cached !== undefined) return cached;
    const client = {
      identity: credentials.identity,
      fetch: credentials.fetch,
      createModel: FAMILIES[provider].load(endpoint),
      redact: createRedact([credentials.apiKey]),
    };
    clients.set(key, client);
    return client;
  }

  /** Returns the model's circuit breaker. Each model has its own, so that a failing model does not block the others. */
  function getBreaker(provider: Provider, { identity }: ProviderClient, model: string): Breaker {
    const key = `${provider} ${identity} ${model}`;
    const cached = breakers.get(key);
    if (cached !== undefined) return cached;
    const breaker = createBreaker(BREAKER);
    breakers.set(key, breaker);
    return breaker;
  }

  return {
    async open(call, signal) {
      const { accountId, provider } = call;
      if (!isProvider(provider)) throw misconfiguredFailure('The provider does not exist.');
      const model = call.model ?? FAMILIES[provider].defaultModel;
      let shouldReport = true;
      try {
        const client = getClient(provider, await options.findCredentials(accountId, provider));
        if (model === null) throw misconfiguredFailure(`${provider} has no default model, and the chatbot names none.`);
        const breaker = getBreaker(provider, client, model);
        shouldReport = call.isTest === true || breaker.allowAttempt();
        if (!shouldReport) throw new ModelFailure('PROVIDER_UNAVAILABLE', `${provider} has failed too often recently.`);
        const stream = await openWithRetries({ call, provider, model, client, breaker, signal }, options);
        options.onOutcome(accountId, { provider, model }, null);
        return stream;
      } catch (error) {
        if (error instanceof AnswerFailure && shouldReport && !signal.aborted)
          options.onOutcome(accountId, { provider, model }, error.code);
        throw error;
      }
    },
  };
}

/** Calls a model, with retries of transient failures, until its first step has arrived. */
async function openWithRetries(resolved: ResolvedCall, options: ModelsOptions): Promise<ModelStream> {
  const { call, provider, model, signal, breaker } = resolved;
  const retries = call.isTest ? 0 : MAX_RETRIES;
  for (let attempt = 1; ; attempt++) {
    let isReady = false;
    let hasServerError = false;
    const onServerError = () => {
      hasServerError = true;
    };
    const onEnd = (failure: ModelFailure | undefined) => {
      if (isReady && failure !== undefined) recordFailure(resolved, failure);
    };
    const steps = readModelSteps(createSource(resolved, options, { onEnd, onServerError }));
    try {
      await steps.ready();
      isReady = true;
      breaker.reportSuccess();
      return createStream({ provider, model }, steps);
    } catch (error) {
      if (!(error instanceof ModelFailure)) throw error;
      const pauseMs = error.retryAfterMs ?? FIRST_RETRY_DELAY_MS * 2 ** (attempt - 1) * (1 + Math.random() / 2);
      // A server that has accepted the request, and perhaps charged for it, is not asked again.
      if (!error.isTransient || hasServerError || attempt > retries || pauseMs > MAX_RETRY_DELAY_MS) {
        recordFailure(resolved, error);
        throw error;
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

function createSource(
  { call, provider, model, client, signal }: ResolvedCall,
  { firstByteMs, silenceMs }: ModelsOptions,
  { onEnd, onServerError }: Pick<StepSource, 'onEnd'> & Pick<ModelConnection, 'onServerError'>,
): StepSource {
  const toDetail: Redact = (text) => `${provider}/${client.redact(model)}: ${client.redact(text)}`;
  const { messages, tools = [], toolChoice, maxOutputTokens, showsReasoning = false } = call;
  return {
    ...{ firstByteMs, silenceMs, signal, onEnd },
    hidesStopMarkers: FAMILIES[provider].leaksStopMarkers ?? false,
    maxChars: call.maxChars ?? MAX_ANSWER_CHARS,
    async start(abortSignal, onBytes) {
      const createModel = await client.createModel;
      const fetch = createLimitedFetch(client.fetch, RESPONSE_LIMITS, onBytes);
      return createModel(model, { fetch, onServerError }).doStream({
        ...{ prompt: [...messages], maxOutputTokens, abortSignal },
        ...(tools.length > 0 && { tools: [...tools] }),
        ...(tools.length > 0 && toolChoice && { toolChoice: { type: toolChoice } }),
        ...FAMILIES[provider].options?.({ model, maxOutputTokens, showsReasoning }),
      });
    },
    toFailure: (error) => toModelFailure(error, toDetail),
    createFailure: (code, detail, retryHint) => new ModelFailure(code, toDetail(detail), retryHint),
  };
}

function createStream(name: { provider: Provider; model: string }, steps: StepReader): ModelStream {
  return {
    ...name,
    next: steps.next,
    close: steps.close,
    get assistantMessage() {
      return steps.assistantMessage;
    },
  };
}

/**
 * Updates the circuit breaker after a failure. A provider that responds, even with a refusal, is available. A test of
 * the connection never opens the breaker.
 */
function recordFailure({ call, breaker, signal }: ResolvedCall, { code }: ModelFailure): void {
  if (code !== 'PROVIDER_UNAVAILABLE') breaker.reportSuccess();
  else if (!signal.aborted && !call.isTest) breaker.reportFailure();
}

/** Returns the endpoint of a provider; undefined when a key or an address is missing. */
function toEndpoint(provider: Provider, credentials: ProviderCredentials | undefined): ModelEndpoint | undefined {
  const family = FAMILIES[provider];
  const { apiKey = '', baseUrl = family.baseUrl } = credentials ?? {};
  if (baseUrl === null || (family.needsKey && apiKey === '')) return undefined;
  return { apiKey, baseUrl };
}

function misconfiguredFailure(detail: string): ModelFailure {
  return new ModelFailure('PROVIDER_MISCONFIGURED', detail);
}
