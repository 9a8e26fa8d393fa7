import { onTestFinished } from 'vitest';
import type { AnswerEngine } from '../../../src/answer/engine.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { finish } from '../../helpers/models/engines.ts';
import { openSharedGateway } from '../../helpers/shared-gateway.ts';
import { SECRET_KEY } from '../../helpers/webhooks/webhooks.ts';

/** The fixed time of a REST test gateway, in the format of the REST API. */
export const NOW = '2026-03-15T10:30:00.123000+00:00';

/** A valid id that no object has. */
export const UNKNOWN_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43';

/** A gateway with a chatbot, and functions that call its REST API. */
export interface RestGateway extends TestGateway {
  readonly chatbotId: string;
  /** Sends a request with the key of the first account, unless `headers` contain another. */
  send(path: string, init?: RequestInit & { headers?: Record<string, string> }): Promise<Response>;
  /** Sends a chat request to the chatbot. */
  chat(body: object, init?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>;
}

/** Options of a REST test gateway. */
export interface RestGatewayOptions extends Pick<GatewayOptions, 'env'> {
  readonly engine?: AnswerEngine;
}

/** The settings of shared gateways: secrets of webhooks can be stored, and no test uses up the failed attempts of others. */
const SHARED_ENV = { SECRET_KEY, AUTH_FAILURES_PER_MINUTE: '0' };

/**
 * Opens a gateway with the chatbot `Support`, which answers `It is so.` by default. Without `env`, all tests of the file
 * share one gateway, and each gets an account of its own; with `env`, even `{}`, the test gets its own gateway.
 */
export async function openGateway({ engine = engineOf('It ', 'is so.'), env }: RestGatewayOptions = {}) {
  const clock = { now: () => Date.parse(NOW), monotonicMs: () => performance.now() };
  const gateway = env
    ? await openOwnGateway({ env, overrides: { clock, engines: new Map([['builtin', engine]]) } })
    : await openSharedGateway({ env: SHARED_ENV, overrides: { clock }, engine });
  const chatbotId = await createChatbot(gateway, { name: 'Support' });

  const send: RestGateway['send'] = (path, init) =>
    gateway.fetch(path, { ...init, headers: { Authorization: `Bearer ${gateway.key}`, ...init?.headers } });
  const chat: RestGateway['chat'] = (body, init) =>
    send(`/v1/chatbots/${chatbotId}/chat`, {
      ...init,
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...init?.headers },
      body: JSON.stringify(body),
    });
  return { ...gateway, chatbotId, send, chat } satisfies RestGateway;
}

async function openOwnGateway(options: GatewayOptions): Promise<TestGateway> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Returns an engine that answers with these texts, and throws when it reaches an error. */
export function engineOf(...pieces: (string | Error)[]): AnswerEngine {
  return {
    async *answer() {
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece;
        yield { type: 'delta', text: piece };
      }
      yield finish;
    },
  };
}
