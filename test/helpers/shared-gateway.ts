import { expect, onTestFinished, vi } from 'vitest';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { shareInFile } from '../setup/shared-in-file.ts';
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts';
import { createScriptedEngine, type ScriptedEngine } from './models/engines.ts';
import { unsubscribeAll } from './streams.ts';

/** The parts of a shared gateway that a test may choose. */
interface SharedOptions extends Pick<GatewayOptions, 'env' | 'overrides'> {
  /** The engine that answers during this test, by default the built-in one. */
  readonly engine?: AnswerEngine;
}

/**
 * Opens an account of its own on a gateway that tests of the file share: starting a gateway takes longer than most
 * tests. There is one gateway for each `env`; its `overrides` are those of the first test.
 */
export async function openSharedGateway({ env = {}, overrides, engine }: SharedOptions = {}): Promise<TestGateway> {
  const name = JSON.stringify({ env, hasEngine: engine !== undefined });
  const { gateway, setEngine } = await shareInFile(name, async () => {
    const { builtin, setEngine } = createReplaceableEngine();
    const engines = engine && new Map([['builtin', builtin]]);
    const gateway = await startGateway({ env, overrides: { ...(engines && { engines }), ...overrides } });
    return { gateway, setEngine, close: gateway.close };
  });
  setEngine(engine);
  return openTenant(gateway);
}

/** Opens an account on a shared gateway whose engine emits only what this test pushes. */
export async function openSharedScriptedGateway(
  options: Omit<SharedOptions, 'engine'> = {},
): Promise<{ gateway: TestGateway; engine: ScriptedEngine }> {
  const engine = createScriptedEngine();
  const gateway = await openSharedGateway({ ...options, engine });
  onTestFinished(async () => {
    engine.finishAll();
    unsubscribeAll();
    // The next test counts only its own readers and replies.
    const { bus, liveReplies } = gateway.deps;
    await vi.waitFor(() => expect([bus.size, liveReplies.size]).toEqual([0, 0]), 10_000);
  });
  return { gateway, engine };
}

function createReplaceableEngine() {
  let current: AnswerEngine | undefined;
  const builtin: AnswerEngine = {
    answer(question, signal) {
      if (current === undefined) throw new Error('This test has no engine.');
      return current.answer(question, signal);
    },
  };
  const setEngine = (engine: AnswerEngine | undefined) => {
    current = engine;
  };
  return { builtin, setEngine };
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
