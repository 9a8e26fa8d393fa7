import { expect, onTestFinished, vi } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { shareInFile } from '../setup/shared-in-file.ts';
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts';
import { createScriptedEngine, type ScriptedEngine } from './models/engines.ts';
import { unsubscribeAll } from './streams.ts';

/**
 * Opens an account of its own on a gateway that all tests of the file share: starting a gateway takes longer than most
 * tests. There is one gateway for each `env`.
 */
export async function openSharedGateway(env: NonNullable<GatewayOptions['env']> = {}): Promise<TestGateway> {
  return openTenant(await shareInFile(`gateway ${JSON.stringify(env)}`, () => startGateway({ env })));
}

/** Like `openSharedGateway`, with an engine that emits only what this test pushes. */
export async function openSharedScriptedGateway(): Promise<{ gateway: TestGateway; engine: ScriptedEngine }> {
  const { gateway: shared, setEngine } = await shareInFile('scripted gateway', startScriptedGateway);
  const gateway = await openTenant(shared);
  const engine = createScriptedEngine();
  setEngine(engine);
  onTestFinished(async () => {
    engine.finishAll();
    unsubscribeAll();
    // The next test counts only its own readers and replies.
    const { bus, liveReplies } = gateway.deps;
    await vi.waitFor(() => expect([bus.size, liveReplies.size]).toEqual([0, 0]), 10_000);
  });
  return { gateway, engine };
}

async function startScriptedGateway() {
  let current: AnswerEngine | undefined;
  const builtin: AnswerEngine = {
    answer(question, signal) {
      if (current === undefined) throw new Error('No test has an engine.');
      return current.answer(question, signal);
    },
  };
  const gateway = await startGateway({ overrides: { engines: new Map([['builtin', builtin]]) } });
  const setEngine = (engine: AnswerEngine) => {
    current = engine;
  };
  return { gateway, setEngine, close: gateway.close };
}

/** A view of a shared gateway for one test: its first account is a new one. */
async function openTenant(gateway: TestGateway): Promise<TestGateway> {
  const tenant = await gateway.createTenant();
  return {
    ...gateway,
    ...tenant,
    graphql: (query, variables, key = tenant.key) => gateway.graphql(query, variables, key),
    close: () => Promise.reject(new Error('Other tests share this gateway: open one with options to close it.')),
  };
}
