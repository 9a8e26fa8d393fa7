import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Citation } from '../../src/domain/entities.ts';
import { StorageUnavailableError } from '../../src/domain/errors.ts';
import { createId } from '../../src/domain/ids.ts';
import { startCheckpoints } from '../../src/replies/checkpoint.ts';
import { findMessage } from '../../src/store/messages.ts';
import { savePartialText } from '../../src/store/open-replies.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';

/** The gateway saves text within a second; a busy machine needs longer. */
const SOON = { timeout: 3_000 };

const citation: Citation = {
  passageId: createId('passage'),
  sourceId: createId('source'),
  title: 'Hours',
  url: null,
  quote: 'nine',
  start: 0,
  end: 4,
};

/** Opens a gateway with a live reply, and functions that read its stored state. */
async function open() {
  const engine = createScriptedEngine();
  const gateway = await startGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => engine.push(finish));
  const sent = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Well?' });
  const { deps, accountId } = gateway;
  const originalDb = { ...deps.db };
  const transactionSpy = vi.spyOn(deps.db, 'transaction');
  // The gateway also runs other transactions, such as heartbeats.
  const isSave = (work: unknown) => String(work).includes('savePartialText');
  const countSaves = () => transactionSpy.mock.calls.filter(([work]) => isSave(work)).length;
  const read = async () => {
    const message = await findMessage(deps.db.read, accountId, sent.replyId);
    return message && { status: message.status, content: message.content, citations: message.citations };
  };
  return { gateway, engine, originalDb, transactionSpy, isSave, countSaves, read, ...sent };
}

afterEach(() => vi.useRealTimers());

describe('the text of a live reply', () => {
  it('is saved with its citations within a second, and again when it grows', async () => {
    const { engine, read } = await open();
    engine.push(delta('nine '));
    const saved = { status: 'STREAMING', content: 'nine ', citations: [] as Citation[] };
    await vi.waitFor(async () => expect(await read()).toEqual(saved), SOON);
    engine.push({ type: 'citation', citation });
    await vi.waitFor(async () => expect(await read()).toEqual({ ...saved, citations: [citation] }), SOON);
    engine.push(delta('to five'), finish);
    const completed = { status: 'COMPLETED', content: 'nine to five', citations: [citation] };
    await vi.waitFor(async () => expect(await read()).toEqual(completed));
  });

  it('is not saved again while it does not change', async () => {
    const { engine, read, countSaves } = await open();
    engine.push(delta('nine'));
    await vi.waitFor(async () => expect(await read()).toMatchObject({ content: 'nine' }), SOON);
    expect(countSaves()).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect(countSaves()).toBe(1);
  });

  it('is saved after a failed save, even if it has not changed since', async () => {
    const { gateway, engine, originalDb, read, transactionSpy, isSave, countSaves } = await open();
    const { transaction } = originalDb;
    transactionSpy.mockImplementation((work) =>
      transaction(async (trx) => {
        const result = await work(trx);
        if (isSave(work) && countSaves() <= 2) throw new StorageUnavailableError({ cause: new Error('full') });
        return result;
      }),
    );
    engine.push(delta('nine'));
    await vi.waitFor(async () => expect(await read()).toMatchObject({ content: 'nine' }), SOON);
    expect(countSaves()).toBe(3);
    expect(gateway.logs.filter(({ task }) => task === 'save checkpoints')).toHaveLength(1);
  });

  it('is saved in one transaction with the texts of other replies', async () => {
    const { gateway, engine, read, countSaves, replyId } = await open();
    engine.push(delta('nine'));
    await vi.waitFor(() => expect(gateway.deps.liveReplies.get(replyId)?.content).toBe('nine'));
    const other = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'And?' });
    // The engine gives the next event to the answer that began to wait last.
    await vi.waitFor(() => expect(engine.questionCount).toBe(2));
    engine.push(delta('ten'));
    await vi.waitFor(() => expect(gateway.deps.liveReplies.get(other.replyId)?.content).toBe('ten'));
    const liveReplies = [...gateway.deps.liveReplies.values()];
    await vi.waitFor(() => expect(liveReplies.map(({ savedSize }) => savedSize)).toEqual([4, 3]), SOON);
    const before = countSaves();
    for (const liveReply of liveReplies) liveReply.savedSize = 0;
    await vi.waitFor(() => expect(liveReplies.map(({ savedSize }) => savedSize)).toEqual([4, 3]), SOON);
    const message = await findMessage(gateway.deps.db.read, gateway.accountId, other.replyId);
    expect(message?.content).toBe('ten');
    expect(await read()).toMatchObject({ content: 'nine' });
    expect(countSaves()).toBe(before + 1);
    for (const { stop } of gateway.deps.liveReplies.values()) stop.abort();
  });
});

describe('the text of a reply that has ended', () => {
  it('is not overwritten by a late checkpoint', async () => {
    const { gateway, engine, read, replyId } = await open();
    engine.push(delta('nine to five'), finish);
    await vi.waitFor(async () => expect(await read()).toMatchObject({ status: 'COMPLETED' }));
    const late = { id: replyId, content: 'nine', citations: [] };
    await gateway.deps.db.transaction((trx) => savePartialText(trx, gateway.accountId, late));
    expect(await read()).toMatchObject({ status: 'COMPLETED', content: 'nine to five' });
  });
});

describe('checkpoints', () => {
  it('stop on request, and leave no timer', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const run = vi.fn();
    const stop = startCheckpoints({ background: { run }, liveReplies: new Map() } as never);
    vi.advanceTimersByTime(2_000);
    expect(run).toHaveBeenCalledTimes(2);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
