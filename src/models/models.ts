import { setTimeout as wait } from 'node:timers/promises';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import type { ModelName } from '../domain/answering.ts';
import { createBoundedCache } from '../domain/bounded-cache.ts';
import { type Breaker, createBreaker } from '../domain/breaker.ts';
import { AnswerFailure, type FailureCode } from '../domain/failures.ts';
import { isProvider, type Provider } from '../domain/providers.ts';
import { ModelFailure, toModelFailure } from './failure.ts';
import { FAMILIES, type ModelEndpoint } from './families.ts';
import { createLimitedFetch } from './limited-fetch.ts';
import type { ModelCall, ModelStream, Models, ProviderCredentials } from './model-call.ts';
import { createRedact, type Redact } from './redact.ts';
import { readModelSteps, type StepReader, type StepSource } from './steps.ts';
import { MAX_ANSWER_CHARS } from './stream-parts.ts';

/** What asking models needs. */
export interface ModelsOptions {
  /** Finds how an account reaches a provider; undefined where it is not configured. */
  findCredentials(accountId: string, provider: Provider): Promise<ProviderCredentials | undefined>;
  /**
   * Told what came of each question that was asked: null when the model began to answer. Not told of those that were
   * given up, nor of those that a breaker kept off.
   */
  onOutcome(accountId: string, name: ModelName, failure: FailureCode | null): void;
  /** Until the first word, thought or call; each sign of life before it counts anew. */
  readonly firstByteMs: number;
  /** Between any two parts after that. */
  readonly silenceMs: number;
}

/** How often the same model is asked again, and how long that waits at most. */
const RETRIES = 2;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;
/** A model that failed so often in a row, to one access, is left alone for so long. */
const BREAKER = { failures: 5, pauseMs: 30_000 };
/** How many accesses are kept ready, and of how many models is known how they are; what is not asked is forgotten. */
const MAX_CLIENTS = 500;
const MAX_BREAKERS = 2_000;
/** More than the longest answer takes, whoever frames it; an event is parsed at once, while everybody else waits. */
const RESPONSE_LIMITS = { maxBytes: 64 * 1_024 * 1_024, maxEventBytes: 1_024 * 1_024, maxErrorBytes: 1_024 * 1_024 };

/** The way to one provider by one access. */
interface ProviderClient {
  readonly identity: string;
  readonly language: Promise<(model: string) => LanguageModelV4>;
  readonly redact: Redact;
}

/** A call of which all is known. */
interface ResolvedCall {
  readonly call: ModelCall;
  readonly provider: Provider;
  readonly model: string;
  readonly line: ProviderClient;
  readonly breaker: Breaker;
  readonly signal: AbortSignal;
}

/** Makes what asks hosted models. */
export function createModels(options: ModelsOptions): Models {
  const lines = createBoundedCache<ProviderClient>(MAX_CLIENTS);
  const breakers = createBoundedCache<Breaker>(MAX_BREAKERS);

  function getClient(provider: Provider, access: ProviderCredentials | undefined): ProviderClient {
    const reach = toEndpoint(provider, access);
    if (access === undefined || reach === undefined) throw misconfigured(`${provider} is not set up.`);
    const key = `${provider} ${access.identity}`;
    const known = lines.get(key);
    if (known !== undefined) return known;
    const line = {
      identity: access.identity,
      language: FAMILIES[provider].load(reach),
      redact: createRedact([access.apiKey]),
    };
    lines.set(key, line);
    return line;
  }

  /** One for each model: one that does not load shuts off no other. */
  function getBreaker(provider: Provider, { identity }: ProviderClient, model: string): Breaker {
    const key = `${provider} ${identity} ${model}`;
    const known = breakers.get(key);
    if (known !== undefined) return known;
    const breaker = createBreaker(BREAKER);
    breakers.set(key, breaker);
    return breaker;
  }

  return {
    async open(call, signal) {
      const { accountId, provider } = call;
      if (!isProvider(provider)) throw misconfigured('There is no such provider.');
      const model = call.model ?? FAMILIES[provider].defaultModel;
      let isTold = true;
      try {
        const line = getClient(provider, await options.findCredentials(accountId, provider));
        if (model === null) throw misconfigured(`${provider} has no model of its own, and none is named.`);
        const breaker = getBreaker(provider, line, model);
        isTold = call.isTest === true || breaker.tryNow();
        if (!isTold) throw new ModelFailure('PROVIDER_UNAVAILABLE', `${provider} has failed too often lately.`);
        const stream = await askWithRetries({ call, provider, model, line, breaker, signal }, options);
        options.onOutcome(accountId, { provider, model }, null);
        return stream;
      } catch (error) {
        if (error instanceof AnswerFailure && isTold && !signal.aborted)
          options.onOutcome(accountId, { provider, model }, error.code);
        throw error;
      }
    },
  };
}

/** Asks, and asks again where that may help, until the first step is in sight. */
async function askWithRetries(question: ResolvedCall, options: ModelsOptions): Promise<ModelStream> {
  const { call, provider, model, signal, breaker } = question;
  const retries = call.isTest ? 0 : RETRIES;
  for (let tries = 1; ; tries++) {
    let isOpen = false;
    const noteEnd = (failure: ModelFailure | undefined) => {
      if (isOpen && failure !== undefined) recordFailure(question, failure);
    };
    const steps = readModelSteps(createSource(question, options, noteEnd));
    try {
      await steps.ready();
      isOpen = true;
      breaker.succeed();
      return createStream({ provider, model }, steps);
    } catch (error) {
      if (!(error instanceof ModelFailure)) throw error;
      const pauseMs = error.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1) * (1 + Math.random() / 2);
      if (!error.isTransient || tries > retries || pauseMs > MAX_PAUSE_MS) {
        recordFailure(question, error);
        throw error;
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
}

function createSource(
  { call, provider, model, line, signal }: ResolvedCall,
  { firstByteMs, silenceMs }: ModelsOptions,
  onEnd: StepSource['onEnd'],
): StepSource {
  const say: Redact = (text) => `${provider}/${line.redact(model)}: ${line.redact(text)}`;
  const { messages, tools = [], toolChoice, maxOutputTokens, showsReasoning = false } = call;
  return {
    ...{ firstByteMs, silenceMs, signal, onEnd },
    hidesStopMarkers: FAMILIES[provider].leaksStopMarkers ?? false,
    maxChars: call.maxChars ?? MAX_ANSWER_CHARS,
    async start(abortSignal) {
      const language = await line.language;
      return language(model).doStream({
        ...{ prompt: [...messages], maxOutputTokens, abortSignal },
        ...(tools.length > 0 && { tools: [...tools] }),
        ...(tools.length > 0 && toolChoice && { toolChoice: { type: toolChoice } }),
        ...FAMILIES[provider].options?.({ model, maxOutputTokens, showsReasoning }),
      });
    },
    toFailure: (error) => toModelFailure(error, say),
    createFailure: (code, detail, passing) => new ModelFailure(code, say(detail), passing),
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

/** Notes whether the model is well: it is when it answers, if only to refuse. A test only says where it is. */
function recordFailure({ call, breaker, signal }: ResolvedCall, { code }: ModelFailure): void {
  if (code !== 'PROVIDER_UNAVAILABLE') breaker.succeed();
  else if (!signal.aborted && !call.isTest) breaker.fail();
}

/** All that a package needs; undefined where a key or an address is missing. */
function toEndpoint(provider: Provider, access: ProviderCredentials | undefined): ModelEndpoint | undefined {
  const family = FAMILIES[provider];
  const { apiKey = '', baseUrl = family.baseUrl, fetch } = access ?? { fetch: globalThis.fetch };
  if (baseUrl === null || (family.needsKey && apiKey === '')) return undefined;
  return { apiKey, baseUrl, fetch: createLimitedFetch(fetch, RESPONSE_LIMITS) };
}

function misconfigured(detail: string): ModelFailure {
  return new ModelFailure('PROVIDER_MISCONFIGURED', detail);
}
