import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { createId } from '../../src/domain/ids.ts';
import { createCursors } from '../../src/streams/cursor.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply, waitForReaders } from '../helpers/conversations.ts';
import { alterCharacter, encodeUnsignedCursor, latestCursor, signPosition } from '../helpers/cursors.ts';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase, type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createRandom } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const ALL_TRANSPORTS = [...TRANSPORTS, restEvents];
const SECRET = 'Do not tell: they are about to leave.';
/** The checksum of an empty text. */
const EMPTY_CHECKSUM = (0x811c9dc5).toString(36);

/** A conversation with a completed reply, then a private note, then a lead. */
async function startWithSecrets() {
  const started = await startGatewayWithCompletedReply();
  const { gateway, conversationId } = started;
  const beforeNote = await latestCursor(gateway, conversationId);
  const { agentMessage: note } = await mutate<{ agentMessage: { id: string } }>(
    gateway,
    'sendAgentMessage',
    { conversationId, content: SECRET, isPrivate: true },
    { selection: 'agentMessage { id }' },
  );
  const afterNote = await latestCursor(gateway, conversationId);
  await mutate(gateway, 'captureLead', { conversationId, email: 'ada@example.com' });
  return { ...started, beforeNote, afterNote, noteId: note.id };
}

describe.each(ALL_TRANSPORTS)('a key with the scope CHAT only, over $name', ({ subscribe }) => {
  it('receives no private note and no lead, whatever cursor it sends', async () => {
    const { gateway, conversationId, beforeNote, afterNote, noteId } = await startWithSecrets();
    const key = await gateway.createKey(gateway.accountId, ['CHAT']);
    const forgedCursors = [
      encodeUnsignedCursor(`c:${conversationId}:0:${noteId}:-:0`),
      encodeUnsignedCursor(`c:${conversationId}:0`),
      `2c_0___0_${'A'.repeat(14)}`,
      `2c_0__${noteId}_-_0_${'A'.repeat(14)}`,
    ];
    for (const after of forgedCursors) {
      const reader = subscribe(gateway, { conversationId, after, key });
      await reader.ended;
      expect([reader.events, reader.errors.map(String)]).toEqual([
        [],
        [subscribe === restEvents.subscribe ? '400' : 'BAD_USER_INPUT'],
      ]);
    }
    // Two cursors that a viewer with all scopes received, and signed positions that the gateway never issues.
    const sign = (position: string) => signPosition(gateway, conversationId, position);
    const [, number, idSuffix] = afterNote.split('_');
    const position = `${number}_${idSuffix}`;
    const signedCursors = [
      beforeNote,
      afterNote,
      sign('0___0'),
      sign(`${position}_${noteId}_-_0`),
      sign(`${position}_${noteId}_0_0_${EMPTY_CHECKSUM}_0`),
    ];
    const readers = signedCursors.map((after) => subscribe(gateway, { conversationId, after, key }));
    await waitForReaders(gateway, readers.length);
    const last = await mutate<{ agentMessage: { id: string } }>(
      gateway,
      'sendAgentMessage',
      { conversationId, content: 'Hello' },
      { selection: 'agentMessage { id }' },
    );
    for (const reader of readers) {
      await reader.until(({ message }) => message?.id === last.agentMessage.id);
      expect(JSON.stringify(reader.events)).not.toMatch(/Do not tell|ada@example|LeadCaptured/);
      reader.unsubscribe();
    }
  });
});

describeDatabases('the cursor of an earlier process', (engine) => {
  const KEYS = [randomBytes(32), randomBytes(32)].map((key) => key.toString('hex'));

  /** Resumes a stream on a second gateway with a cursor of the first. @returns the number of events, and the errors. */
  async function resumeAfterRestart(first: GatewayOptions['env'], second: GatewayOptions['env']) {
    const database = await createDatabase(engine);
    const [startFirst, startSecond] = [first, second].map((env) => () => startGateway({ database, env: env ?? {} }));
    if (startFirst === undefined || startSecond === undefined) throw new Error('Two environments are required.');
    const earlier = await startFirst();
    const chatbotId = await createChatbot(earlier);
    const { conversationId } = await send(earlier, { chatbotId, content: 'Well?' });
    const after = await readLastCursor(earlier, conversationId);
    await earlier.close();
    const later = await startSecond();
    onTestFinished(() => later.close());
    const reader = restEvents.subscribe(later, { conversationId, after, key: earlier.key });
    await Promise.race([reader.ended, waitForReaders(later, 1)]);
    reader.unsubscribe();
    return [reader.events.length, ...reader.errors.map(String)];
  }

  /** The last cursor of a conversation whose only reply is completed. */
  async function readLastCursor(gateway: TestGateway, conversationId: string) {
    const start = signPosition(gateway, conversationId, '0___0');
    const reader = restEvents.subscribe(gateway, { conversationId, after: start });
    const { cursor } = await reader.until(({ __typename }) => __typename === 'MessageCompleted');
    reader.unsubscribe();
    return cursor;
  }

  it('is valid with the same or the previous SECRET_KEY, or if neither process has one', async () => {
    const [SECRET_KEY = '', SECRET_KEY_PREVIOUS = ''] = KEYS;
    expect(await resumeAfterRestart({}, {})).toEqual([0]);
    expect(await resumeAfterRestart({ SECRET_KEY }, { SECRET_KEY })).toEqual([0]);
    const replaced = { SECRET_KEY, SECRET_KEY_PREVIOUS };
    expect(await resumeAfterRestart({ SECRET_KEY: SECRET_KEY_PREVIOUS }, replaced)).toEqual([0]);
  });

  it('is rejected when SECRET_KEY is replaced and the previous key is not set', async () => {
    const [SECRET_KEY = '', otherKey = ''] = KEYS;
    expect(await resumeAfterRestart({ SECRET_KEY }, { SECRET_KEY: otherKey })).toEqual([0, '400']);
  });
});

describe('a forged cursor', () => {
  const random = createRandom(7);
  const pick = (from: string) => from[random.below(from.length)] ?? '';
  const writeGarbage = (length: number) =>
    Array.from({ length }, () =>
      random.below(4) === 0 ? String.fromCharCode(random.below(65_536)) : pick('2cbmq_-019af'),
    ).join('');

  it('is rejected unless the gateway has signed it for this stream', () => {
    const [key, previous] = [randomBytes(32), randomBytes(32)];
    const ids = [createId('account'), createId('conversation')] as const;
    const stream = createCursors(() => [key, previous]).forStream('conversation', ...ids);
    const form = /^(?<number>\d)$/;
    const valid = stream.write('5');
    expect(stream.read(valid, form)).toEqual({ number: '5' });
    expect(
      stream.read(
        createCursors(() => [previous])
          .forStream('conversation', ...ids)
          .write('5'),
        form,
      ).number,
    ).toBe('5');
    expect(valid).toMatch(/^[\w-]+$/);
    const invalidCursors = [
      ...Array.from(valid, (_, at) => [alterCharacter(valid, at), valid.slice(0, at), valid.slice(at + 1)]).flat(),
      ...Array.from({ length: 2_000 }, () => writeGarbage(random.below(300))),
      ...['message', 'chatbot', 'quota'].map((kind) =>
        createCursors(() => [key])
          .forStream(kind as 'message', ...ids)
          .write('5'),
      ),
      createCursors(() => [key])
        .forStream('conversation', ids[0], createId('conversation'))
        .write('5'),
      createCursors(() => [key])
        .forStream('conversation', createId('account'), ids[1])
        .write('5'),
      createCursors(() => [randomBytes(32)])
        .forStream('conversation', ...ids)
        .write('5'),
      `${valid} `,
      valid.toUpperCase(),
    ];
    for (const text of invalidCursors) {
      if (text === valid) continue;
      expect(() => stream.read(text, form), text).toThrow(BadUserInputError);
    }
  });

  it('causes only the error BAD_USER_INPUT in a list or a stream', async () => {
    const { gateway, chatbotId, conversationId, replyId } = await startGatewayWithCompletedReply();
    const texts = ['', '\0', '%00', '\ud800', ...Array.from({ length: 20 }, () => writeGarbage(random.below(60)))];
    const lists = `query ($a: String) {
      chatbots(after: $a) { nodes { id } }
      before: chatbots(before: $a, last: 1) { nodes { id } }
      chatbot(id: "${chatbotId}") { sources(after: $a) { nodes { id } } leads(after: $a) { nodes { id } } conversations(after: $a) { nodes { id } } }
      conversation(id: "${conversationId}") { messages(after: $a) { nodes { id } } }
      webhookSubscriptions(after: $a) { nodes { id } }
    }`;
    for (const after of texts) {
      const { errors = [] } = await gateway.graphql(lists, { a: after });
      expect([after, [...new Set(errors.map(({ extensions }) => extensions.code))]]).toEqual([
        after,
        ['BAD_USER_INPUT'],
      ]);
      for (const target of [{ conversationId }, { chatbotId }, { messageId: replyId }, {}]) {
        for (const { subscribe } of TRANSPORTS) {
          const reader = subscribe(gateway, { ...target, after });
          await reader.ended;
          expect([after, reader.events, reader.errors]).toEqual([after, [], ['BAD_USER_INPUT']]);
        }
      }
    }
  });
});
