import { onTestFinished } from 'vitest';
import type { AnswerEngine } from '../../../src/answer/engine.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { type GatewayOptions, startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { finish } from '../../helpers/models/engines.ts';

/** The fixed time of these gateways' clocks, as REST writes it. */
export const NOW = '2026-03-15T10:30:00.123000+00:00';

/** A well-formed id of a chatbot that does not exist. */
export const UNKNOWN_ID = '019cf0f3-9a3c-7c1e-8a5b-2f6d1e0b7c43';

/** A gateway with a chatbot, and its REST API. */
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

/** Starts a gateway, closed after the test, whose chatbot `Support` answers `It is so.` unless `engine` is given. */
export async function openGateway({ engine = engineOf('It ', 'is so.'), ...options }: RestGatewayOptions = {}) {
  const gateway = await startGateway({
    ...options,
    replaced: {
      clock: { now: () => Date.parse(NOW), monotonicMs: () => performance.now() },
      engines: new Map([['builtin', engine]]),
    },
  });
  onTestFinished(() => gateway.close());
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

/** An engine that answers with these pieces, and fails at a piece that is an error. */
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
