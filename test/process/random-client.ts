import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createChatbot } from '../helpers/chatbots.ts';
import type { Random } from '../helpers/random.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { serverSentEvents, webSocket } from '../helpers/streams.ts';
import type { ChaosCluster, MutationResult } from './chaos-cluster.ts';
import { ANSWERS, FALLBACK, SOURCE } from './questions.ts';
import { type Follower, followDespiteOutages, hasReceivedEnd } from './resilient-client.ts';

/** The maximum number of attempts of an operation. */
const MAX_TRIES = 400;
const RETRY_MS = 100;
const MAX_PAUSE_MS = 150;
const MAX_CONVERSATIONS = 3;
const CONCURRENT_ACTIONS = 2;
const RECEIVED_WITHIN_MS = 60_000;
/** The minimum time for which readers stay subscribed to a conversation that a newer conversation has replaced. */
const MIN_STAY_MS = 2_000;
const NOT_FOUND_CODES: ReadonlySet<string> = new Set(['NOT_FOUND', '404']);

async function waitFor(check: () => boolean): Promise<void> {
  for (const until = performance.now() + RECEIVED_WITHIN_MS; !check() && performance.now() < until; )
    await setTimeout(50);
}

interface WithId {
  readonly id: string;
}

/** An acknowledged message, with its reply if it has one. */
export interface SentMessage {
  readonly messageId: string;
  readonly replyId: string | undefined;
  readonly content: string;
}

/** The state of a reply when its stop was acknowledged. */
export interface StoppedReply {
  readonly replyId: string;
  readonly status: string;
  readonly content: string;
}

/** A conversation with its acknowledged actions and its readers. */
export interface TrackedConversation {
  readonly id: string;
  readonly chatbotId: string;
  readonly sent: SentMessage[];
  readonly stopped: StoppedReply[];
  /** The ids of the messages with which human agents took over. */
  readonly takeovers: string[];
  readonly readers: readonly Follower[];
  readonly unsubscribe: () => void;
}

/** A simulated client that has several conversations with its own chatbot, and performs random actions in them. */
export type RandomClient = ReturnType<typeof createRandomClient>;

/** Creates a client, whose first action creates its chatbot. */
export function createRandomClient(cluster: ChaosCluster, random: Random) {
  const conversations: TrackedConversation[] = [];
  const openConversations: TrackedConversation[] = [];
  const deletedChatbotIds = new Set<string>();
  let chatbotId = '';
  let messageCount = 0;

  /** Retries a mutation until its result is known. */
  async function mutateUntilKnown<T>(name: string, input: object, selection: string): Promise<MutationResult<T>> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const result = await cluster.mutate<T>(name, input, selection);
      if (result.kind !== 'unknown') return result;
      await setTimeout(RETRY_MS);
    }
    cluster.problems.push(`${name} had no response in ${MAX_TRIES} attempts.`);
    return { kind: 'unknown' };
  }

  async function createOwnChatbot(): Promise<void> {
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      try {
        chatbotId = await createChatbot(cluster, { fallbackMessage: FALLBACK, sources: [SOURCE] });
        return;
      } catch {
        await setTimeout(RETRY_MS);
      }
    }
    cluster.problems.push('No chatbot could be created.');
  }

  const subscribeReaders = (conversationId: string, signal: AbortSignal) =>
    [webSocket, serverSentEvents, restEvents].map((transport) =>
      followDespiteOutages(cluster, transport, { conversationId }, signal),
    );

  async function startConversation(): Promise<void> {
    const sessionId = randomUUID();
    const sent = await sendMessage({ chatbotId, sessionId });
    if (sent === undefined) return;
    const closing = new AbortController();
    const { conversationId: id, ...first } = sent;
    const conversation: TrackedConversation = {
      ...{ id, chatbotId, sent: [first], stopped: [], takeovers: [] },
      readers: subscribeReaders(id, closing.signal),
      unsubscribe: () => closing.abort(),
    };
    conversations.push(conversation);
    if (deletedChatbotIds.has(conversation.chatbotId)) return void closeDeleted(conversation);
    openConversations.push(conversation);
    const retired = openConversations.length > MAX_CONVERSATIONS ? openConversations.shift() : undefined;
    if (retired !== undefined) void closeFinished(retired);
  }

  /** Unsubscribes the readers of a conversation once they have received the end of every acknowledged reply. */
  async function closeFinished(conversation: TrackedConversation): Promise<void> {
    const ids = conversation.sent.flatMap(({ replyId }) => replyId ?? []);
    // A reader does not receive replies that ended before it subscribed.
    const isDoneWith = (reader: Follower, id: string) =>
      hasReceivedEnd(reader, id) || !reader.events.some(({ message }) => message?.id === id);
    const isDone = () => conversation.readers.every((reader) => ids.every((id) => isDoneWith(reader, id)));
    await setTimeout(MIN_STAY_MS);
    await waitFor(isDone);
    if (!isDone() && !deletedChatbotIds.has(conversation.chatbotId))
      cluster.problems.push(`Readers of ${conversation.id} did not receive the ends of all replies.`);
    conversation.unsubscribe();
  }

  /** Unsubscribes the readers of a deleted conversation once each has received the deletion. */
  async function closeDeleted(conversation: TrackedConversation): Promise<void> {
    const { id, readers } = conversation;
    const hasReceivedDeletion = ({ events, errors }: Follower) =>
      events.at(-1)?.__typename === 'ConversationDeleted' || errors.some((code) => NOT_FOUND_CODES.has(code));
    await waitFor(() => readers.every(hasReceivedDeletion));
    for (const reader of readers) {
      if (!hasReceivedDeletion(reader)) cluster.problems.push(`A reader did not receive the deletion of ${id}.`);
      const notices = reader.events.filter(({ __typename }) => __typename === 'ConversationDeleted').length;
      cluster.increment(`deletion events received: ${notices}`);
      if (notices > 1) cluster.problems.push(`A reader received the deletion of ${id} ${notices} times.`);
    }
    conversation.unsubscribe();
  }

  /** Sends a message with unique content; returns undefined if it was refused. */
  async function sendMessage(target: object): Promise<(SentMessage & { conversationId: string }) | undefined> {
    const questions = [...ANSWERS.keys()];
    const content = `${questions[random.below(questions.length)]} (${++messageCount} of ${chatbotId})`;
    const whenBusy = random.below(4) === 0 ? 'INTERRUPT' : 'ENQUEUE';
    const input = { ...target, content, whenBusy, clientMessageId: randomUUID() };
    const result = await mutateUntilKnown<{ conversation: WithId; userMessage: WithId; reply: WithId | null }>(
      'sendMessage',
      input,
      'conversation { id } userMessage { id } reply { id }',
    );
    cluster.increment(`sendMessage ${result.kind}`);
    if (result.kind !== 'done') return undefined;
    const { conversation, userMessage, reply } = result.payload;
    return { conversationId: conversation.id, messageId: userMessage.id, replyId: reply?.id, content };
  }

  async function stopReply(conversation: TrackedConversation): Promise<void> {
    const replyId = conversation.sent.findLast((sent) => sent.replyId !== undefined)?.replyId;
    if (replyId === undefined) return;
    const result = await mutateUntilKnown<{ reply: { status: string; content: string } }>(
      'stopMessage',
      { id: replyId },
      'reply { status content }',
    );
    cluster.increment(`stopMessage ${result.kind}`);
    if (result.kind === 'done') conversation.stopped.push({ replyId, ...result.payload.reply });
  }

  async function takeOver(conversation: TrackedConversation): Promise<void> {
    const { id: conversationId } = conversation;
    const input = { conversationId, content: 'I take over.', clientMessageId: randomUUID() };
    const result = await mutateUntilKnown<{ agentMessage: WithId }>('sendAgentMessage', input, 'agentMessage { id }');
    cluster.increment(`sendAgentMessage ${result.kind}`);
    if (result.kind !== 'done') return;
    conversation.takeovers.push(result.payload.agentMessage.id);
    if (random.below(2) === 0) await sendMessage({ conversationId });
    await setTimeout(random.below(1_000));
    const handedBack = await mutateUntilKnown('handBackConversation', { id: conversationId }, 'conversation { id }');
    cluster.increment(`handBackConversation ${handedBack.kind}`);
  }

  async function changeBranch(conversation: TrackedConversation): Promise<void> {
    const sent = conversation.sent[random.below(conversation.sent.length)];
    if (sent === undefined) return;
    const { messageId, replyId = '' } = sent;
    const kind = random.below(3);
    const content = `${[...ANSWERS.keys()][0]} (edited ${++messageCount} of ${conversation.chatbotId})`;
    // A mutation without a response may have been executed. These have no idempotency key, so they cannot be retried.
    const result =
      kind === 0
        ? await cluster.mutate('regenerateMessage', { id: replyId })
        : kind === 1
          ? await cluster.mutate('editMessage', { id: messageId, content })
          : await cluster.mutate('selectBranch', { id: messageId });
    cluster.increment(`${['regenerateMessage', 'editMessage', 'selectBranch'][kind]} ${result.kind}`);
  }

  async function deleteChatbot(): Promise<void> {
    const deletedId = chatbotId;
    const result = await mutateUntilKnown('deleteChatbot', { id: deletedId }, 'deletedId');
    cluster.increment(`deleteChatbot ${result.kind}`);
    const { data } = await cluster
      .graphql<{ chatbot: object | null }>('query ($id: ID!) { chatbot(id: $id) { id } }', { id: deletedId })
      .catch(() => ({ data: undefined }));
    if (data?.chatbot) cluster.problems.push('A deleted chatbot was found.');
    if (deletedChatbotIds.has(deletedId)) return;
    deletedChatbotIds.add(deletedId);
    for (const conversation of openConversations.splice(0)) {
      if (conversation.chatbotId === deletedId) void closeDeleted(conversation);
    }
    await createOwnChatbot();
  }

  async function performRandomAction(): Promise<void> {
    const conversation = openConversations[random.below(openConversations.length)];
    const roll = random.below(20);
    if (conversation === undefined || roll === 0) await startConversation();
    else if (roll < 10) {
      const sent = await sendMessage({ conversationId: conversation.id });
      if (sent !== undefined) conversation.sent.push(sent);
    } else if (roll < 14) await stopReply(conversation);
    else if (roll < 16) await takeOver(conversation);
    else if (roll < 19) await changeBranch(conversation);
    else if (random.below(3) === 0) await deleteChatbot();
  }

  return {
    conversations,
    deletedChatbotIds,
    openConversations,

    /** Performs random actions, two at a time, until `signal` aborts. */
    async performActions(signal: AbortSignal): Promise<void> {
      await createOwnChatbot();
      const performRepeatedly = async () => {
        while (!signal.aborted) {
          await performRandomAction();
          await setTimeout(random.below(MAX_PAUSE_MS));
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_ACTIONS }, performRepeatedly));
    },
  };
}
