import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BadUserInputError } from '../../src/domain/errors.ts';
import { createId } from '../../src/domain/ids.ts';
import { createCursors } from '../../src/streams/cursor.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startConversation, waitForReaders } from '../helpers/conversations.ts';
import { alter, cursorOfNow, signPosition, writeUnsigned } from '../helpers/cursors.ts';
import { describeEngines } from '../helpers/databases.ts';
import { createDatabase, type GatewayOptions, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createRandom } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const EVERYWHERE = [...TRANSPORTS, restEvents];
const SECRET = 'Do not tell: they are about to leave.';
/** The checksum of an empty text. */
const NO_TEXT = (0x811c9dc5).toString(36);

/** A conversation with a private note, a lead, then a message. */
async function startWithSecrets() {
  const started = await startConversation();
  const { gateway, conversationId } = started;
  const before = await cursorOfNow(gateway, conversationId);
  const { agentMessage: note } = await mutate<{ agentMessage: { id: string } }>(
    gateway,
    'sendAgentMessage',
    { conversationId, content: SECRET, isPrivate: true },
    { selection: 'agentMessage { id }' },
  );
  const noted = await cursorOfNow(gateway, conversationId);
  await mutate(gateway, 'captureLead', { conversationId, email: 'ada@example.com' });
  return { ...started, before, noted, noteId: note.id };
}

describe.each(EVERYWHERE)('a key with the scope CHAT only, over $name', ({ subscribe }) => {
  it('receives no private note and no lead, whatever cursor it sends', async () => {
    const { gateway, conversationId, before, noted, noteId } = await startWithSecrets();
    const key = await gateway.createKey(gateway.accountId, ['CHAT']);
    const forged = [
      writeUnsigned(`c:${conversationId}:0:${noteId}:-:0`),
      writeUnsigned(`c:${conversationId}:0`),
      `2c_0___0_${'A'.repeat(14)}`,
      `2c_0__${noteId}_-_0_${'A'.repeat(14)}`,
    ];
    for (const after of forged) {
      const reader = subscribe(gateway, { conversationId, after, key });
      await reader.ended;
      expect([reader.events, reader.errors.map(String)]).toEqual([
        [],
        [subscribe === restEvents.subscribe ? '400' : 'BAD_USER_INPUT'],
      ]);
    }
    // Cursors that a viewer with all scopes received, and cursors that the gateway never issues.
    const signed = (position: string) => signPosition(gateway, conversationId, position);
    const [, number, identity] = noted.split('_');
    const position = `${number}_${identity}`;
    const handed = [
      before,
      noted,
      signed('0___0'),
      signed(`${position}_${noteId}_-_0`),
      signed(`${position}_${noteId}_0_0_${NO_TEXT}_0`),
    ];
    const readers = handed.map((after) => subscribe(gateway, { conversationId, after, key }));
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
      reader.leave();
    }
  });
});

describeEngines('the cursor of an earlier process', (engine) => {
  const KEYS = [randomBytes(32), randomBytes(32)].map((key) => key.toString('hex'));

  /** Starts gateways one after another on one database, and returns how a later one handles a cursor of the first. */
  async function comeBack(first: GatewayOptions['env'], second: GatewayOptions['env']) {
    const database = await createDatabase(engine);
    const [one, two] = [first, second].map((env) => () => startGateway({ database, env: env ?? {} }));
    if (one === undefined || two === undefined) throw new Error('There are two.');
    const earlier = await one();
    const chatbotId = await createChatbot(earlier);
    const { conversationId } = await send(earlier, { chatbotId, content: 'Well?' });
    const after = await restEventsOnce(earlier, conversationId);
    await earlier.close();
    const later = await two();
    onTestFinished(() => later.close());
    const reader = restEvents.subscribe(later, { conversationId, after, key: earlier.key });
    await Promise.race([reader.ended, waitForReaders(later, 1)]);
    reader.leave();
    return [reader.events.length, ...reader.errors.map(String)];
  }

  /** The last cursor of a conversation whose only reply is completed. */
  async function restEventsOnce(gateway: TestGateway, conversationId: string) {
    const start = signPosition(gateway, conversationId, '0___0');
    const reader = restEvents.subscribe(gateway, { conversationId, after: start });
    const { cursor } = await reader.until(({ __typename }) => __typename === 'MessageCompleted');
    reader.leave();
    return cursor;
  }

  it('is valid with the same secret key, the previous one, and without one', async () => {
    const [SECRET_KEY = '', SECRET_KEY_PREVIOUS = ''] = KEYS;
    expect(await comeBack({}, {})).toEqual([0]);
    expect(await comeBack({ SECRET_KEY }, { SECRET_KEY })).toEqual([0]);
    const replaced = { SECRET_KEY, SECRET_KEY_PREVIOUS };
    expect(await comeBack({ SECRET_KEY: SECRET_KEY_PREVIOUS }, replaced)).toEqual([0]);
  });

  it('is rejected when the secret key is lost', async () => {
    const [SECRET_KEY = '', another = ''] = KEYS;
    expect(await comeBack({ SECRET_KEY }, { SECRET_KEY: another })).toEqual([0, '400']);
  });
});

describe('a forged cursor', () => {
  const random = createRandom(7);
  const pick = (from: string) => from[random.below(from.length)] ?? '';
  const garble = (length: number) =>
    Array.from({ length }, () =>
      random.below(4) === 0 ? String.fromCharCode(random.below(65_536)) : pick('2cbmq_-019af'),
    ).join('');

  it('is rejected unless the gateway has signed it for this stream', () => {
    const [key, previous] = [randomBytes(32), randomBytes(32)];
    const ids = [createId('account'), createId('conversation')] as const;
    const own = createCursors(() => [key, previous]).of('conversation', ...ids);
    const form = /^(?<number>\d)$/;
    const right = own.write('5');
    expect(own.read(right, form)).toEqual({ number: '5' });
    expect(
      own.read(
        createCursors(() => [previous])
          .of('conversation', ...ids)
          .write('5'),
        form,
      ).number,
    ).toBe('5');
    expect(right).toMatch(/^[\w-]+$/);
    const wrong = [
      ...Array.from(right, (_, at) => [alter(right, at), right.slice(0, at), right.slice(at + 1)]).flat(),
      ...Array.from({ length: 2_000 }, () => garble(random.below(300))),
      ...['message', 'chatbot', 'quota'].map((kind) =>
        createCursors(() => [key])
          .of(kind as 'message', ...ids)
          .write('5'),
      ),
      createCursors(() => [key])
        .of('conversation', ids[0], createId('conversation'))
        .write('5'),
      createCursors(() => [key])
        .of('conversation', createId('account'), ids[1])
        .write('5'),
      createCursors(() => [randomBytes(32)])
        .of('conversation', ...ids)
        .write('5'),
      `${right} `,
      right.toUpperCase(),
    ];
    for (const text of wrong) {
      if (text === right) continue;
      expect(() => own.read(text, form), text).toThrow(BadUserInputError);
    }
  });

  it('causes no other error in a list or a stream', async () => {
    const { gateway, chatbotId, conversationId, replyId } = await startConversation();
    const texts = ['', '\0', '%00', '\ud800', ...Array.from({ length: 20 }, () => garble(random.below(60)))];
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
      for (const of of [{ conversationId }, { chatbotId }, { messageId: replyId }, {}]) {
        for (const { subscribe } of TRANSPORTS) {
          const reader = subscribe(gateway, { ...of, after });
          await reader.ended;
          expect([after, reader.events, reader.errors]).toEqual([after, [], ['BAD_USER_INPUT']]);
        }
      }
    }
  });
});
