import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createChatbot } from '../helpers/chatbots.ts';
import type { Random } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { serverSentEvents, webSocket } from '../helpers/streams.ts';
import type { Fleet, Result } from './fleet.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { type Follower, followDespiteOutages, hasEnded } from './talk.ts';

/** The maximum number of attempts of an operation. */
const MAX_TRIES = 400;
const RETRY_MS = 100;
const PAUSE_MS = 150;
const MAX_CONVERSATIONS = 3;
const CONCURRENT_ACTIONS = 2;
const RECEIVED_WITHIN_MS = 60_000;
const STAY_MS = 2_000;
const GONE: ReadonlySet<string> = new Set(['NOT_FOUND', '404']);

async function waitFor(check: () => boolean): Promise<void> {
  for (const until = performance.now() + RECEIVED_WITHIN_MS; !check() && performance.now() < until; )
    await setTimeout(50);
}

interface Identified {
  readonly id: string;
}

/** An acknowledged message, with its reply if it has one. */
export interface Sent {
  readonly messageId: string;
  readonly replyId: string | undefined;
  readonly content: string;
}

/** The state of a reply when its stop was acknowledged. */
export interface Stopped {
  readonly replyId: string;
  readonly status: string;
  readonly content: string;
}

/** A conversation, with everything acknowledged in it, and its readers. */
export interface Talk {
  readonly id: string;
  readonly chatbotId: string;
  readonly sent: Sent[];
  readonly stopped: Stopped[];
  readonly takeovers: string[];
  readonly readers: readonly Follower[];
  readonly leave: () => void;
}

/** A simulated client that has several conversations with its own chatbot, and uses every operation in them. */
export type Talker = ReturnType<typeof createTalker>;

/** Creates a talker. */
export function createTalker(fleet: Fleet, random: Random) {
  const talks: Talk[] = [];
  const open: Talk[] = [];
  const deleted = new Set<string>();
  let chatbotId = '';
  let messageCount = 0;

  /** Repeats a mutation until its result is known. */
  async function insist<T>(name: string, input: object, selection: string): Promise<Result<T>> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const result = await fleet.ask<T>(name, input, selection);
      if (result.kind !== 'unknown') return result;
      await setTimeout(RETRY_MS);
    }
    fleet.problems.push(`${name} had no answer in ${MAX_TRIES} tries.`);
    return { kind: 'unknown' };
  }

  async function openChatbot(): Promise<void> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      try {
        chatbotId = await createChatbot(fleet, { fallbackMessage: FALLBACK, sources: [SOURCE] });
        return;
      } catch {
        await setTimeout(RETRY_MS);
      }
    }
    fleet.problems.push('No chatbot could be made.');
  }

  const follow = (conversationId: string, over: AbortSignal) =>
    [webSocket, serverSentEvents, restEvents].map((transport) =>
      followDespiteOutages(fleet, transport, { conversationId }, over),
    );

  async function begin(): Promise<void> {
    const sessionId = randomUUID();
    const sent = await say({ chatbotId, sessionId });
    if (sent === undefined) return;
    const over = new AbortController();
    const { conversationId: id, ...first } = sent;
    const talk: Talk = {
      ...{ id, chatbotId, sent: [first], stopped: [], takeovers: [] },
      readers: follow(id, over.signal),
      leave: () => over.abort(),
    };
    talks.push(talk);
    if (deleted.has(talk.chatbotId)) return void leaveDeleted(talk);
    open.push(talk);
    const retired = open.length > MAX_CONVERSATIONS ? open.shift() : undefined;
    if (retired !== undefined) void leaveEnded(retired);
  }

  /** Ends the readers of a finished conversation once they have received the end of every acknowledged reply. */
  async function leaveEnded(talk: Talk): Promise<void> {
    const ids = talk.sent.flatMap(({ replyId }) => replyId ?? []);
    // A reader does not receive replies that ended before it subscribed.
    const hasReceivedEnd = (reader: Follower, id: string) =>
      hasEnded(reader, id) || !reader.events.some(({ message }) => message?.id === id);
    const isDone = () => talk.readers.every((reader) => ids.every((id) => hasReceivedEnd(reader, id)));
    await setTimeout(STAY_MS);
    await waitFor(isDone);
    if (!isDone() && !deleted.has(talk.chatbotId)) fleet.problems.push(`Readers of ${talk.id} were not told all ends.`);
    talk.leave();
  }

  /** Ends the readers of a deleted conversation once each knows about the deletion. */
  async function leaveDeleted(talk: Talk): Promise<void> {
    const knows = ({ events, errors }: Follower) =>
      events.at(-1)?.__typename === 'ConversationDeleted' || errors.some((code) => GONE.has(code));
    await waitFor(() => talk.readers.every(knows));
    for (const reader of talk.readers) {
      if (!knows(reader)) fleet.problems.push(`A reader does not know that ${talk.id} was deleted.`);
      const notices = reader.events.filter(({ __typename }) => __typename === 'ConversationDeleted').length;
      fleet.countOne(`deletion told ${notices}`);
      if (notices > 1) fleet.problems.push(`A reader was told ${notices} times that ${talk.id} was deleted.`);
    }
    talk.leave();
  }

  /** Sends a message with unique content; returns undefined if it was refused. */
  async function say(where: object): Promise<(Sent & { conversationId: string }) | undefined> {
    const questions = [...ANSWERS.keys()];
    const content = `${questions[random.below(questions.length)]} (${++messageCount} of ${chatbotId})`;
    const whenBusy = random.below(4) === 0 ? 'INTERRUPT' : 'ENQUEUE';
    const input = { ...where, content, whenBusy, clientMessageId: randomUUID() };
    const result = await insist<{ conversation: Identified; userMessage: Identified; reply: Identified | null }>(
      'sendMessage',
      input,
      'conversation { id } userMessage { id } reply { id }',
    );
    fleet.countOne(`sendMessage ${result.kind}`);
    if (result.kind !== 'done') return undefined;
    const { conversation, userMessage, reply } = result.payload;
    return { conversationId: conversation.id, messageId: userMessage.id, replyId: reply?.id, content };
  }

  async function stop(talk: Talk): Promise<void> {
    const replyId = talk.sent.findLast((sent) => sent.replyId !== undefined)?.replyId;
    if (replyId === undefined) return;
    const result = await insist<{ reply: { status: string; content: string } }>(
      'stopMessage',
      { messageId: replyId },
      'reply { status content }',
    );
    fleet.countOne(`stopMessage ${result.kind}`);
    if (result.kind === 'done') talk.stopped.push({ replyId, ...result.payload.reply });
  }

  async function takeOver(talk: Talk): Promise<void> {
    const { id: conversationId } = talk;
    const input = { conversationId, content: 'I take over.', clientMessageId: randomUUID() };
    const result = await insist<{ agentMessage: Identified }>('sendAgentMessage', input, 'agentMessage { id }');
    fleet.countOne(`sendAgentMessage ${result.kind}`);
    if (result.kind !== 'done') return;
    talk.takeovers.push(result.payload.agentMessage.id);
    if (random.below(2) === 0) await say({ conversationId });
    await setTimeout(random.below(1_000));
    const back = await insist('handBackConversation', { conversationId }, 'conversation { id }');
    fleet.countOne(`handBackConversation ${back.kind}`);
  }

  async function branch(talk: Talk): Promise<void> {
    const sent = talk.sent[random.below(talk.sent.length)];
    if (sent === undefined) return;
    const { messageId, replyId = '' } = sent;
    const kind = random.below(3);
    const content = `${[...ANSWERS.keys()][0]} (edited ${++messageCount} of ${talk.chatbotId})`;
    // Without an idempotency key, a mutation without a response may or may not have happened.
    const result =
      kind === 0
        ? await fleet.ask('regenerateMessage', { messageId: replyId })
        : kind === 1
          ? await fleet.ask('editMessage', { messageId, content })
          : await fleet.ask('selectBranch', { messageId });
    fleet.countOne(`${['regenerateMessage', 'editMessage', 'selectBranch'][kind]} ${result.kind}`);
  }

  async function deleteChatbot(): Promise<void> {
    const deletedId = chatbotId;
    const result = await insist('deleteChatbot', { id: deletedId }, 'deletedId');
    fleet.countOne(`deleteChatbot ${result.kind}`);
    const { data } = await fleet
      .graphql<{ chatbot: object | null }>('query ($id: ID!) { chatbot(id: $id) { id } }', { id: deletedId })
      .catch(() => ({ data: undefined }));
    if (data?.chatbot) fleet.problems.push('A deleted chatbot was found.');
    if (deleted.has(deletedId)) return;
    deleted.add(deletedId);
    for (const talk of open.splice(0)) if (talk.chatbotId === deletedId) void leaveDeleted(talk);
    await openChatbot();
  }

  async function actOnce(): Promise<void> {
    const talk = open[random.below(open.length)];
    const dice = random.below(20);
    if (talk === undefined || dice === 0) await begin();
    else if (dice < 10) {
      const sent = await say({ conversationId: talk.id });
      if (sent !== undefined) talk.sent.push(sent);
    } else if (dice < 14) await stop(talk);
    else if (dice < 16) await takeOver(talk);
    else if (dice < 19) await branch(talk);
    else if (random.below(3) === 0) await deleteChatbot();
  }

  return {
    talks,
    deleted,

    open,

    /** Performs random actions, two at a time, until `signal` aborts. */
    async act(signal: AbortSignal): Promise<void> {
      await openChatbot();
      const actRepeatedly = async () => {
        while (!signal.aborted) {
          await actOnce();
          await setTimeout(random.below(PAUSE_MS));
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_ACTIONS }, actRepeatedly));
    },
  };
}
