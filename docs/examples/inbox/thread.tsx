import { useEffect, useState } from 'react';
import {
  AssignDocument,
  CloseDocument,
  type InboxConversationFragment as Conversation,
  HandBackDocument,
  MarkReadDocument,
  type InboxMessageFragment as Message,
  ReplyDocument,
  TakeOverDocument,
  ThreadDocument,
  ThreadEventsDocument,
  type ThreadEventsSubscription,
} from './documents.ts';
import { type Feed, type Graph, messageOf } from './graph.ts';

/** One conversation: its messages while they are written, and what a person can do about it. */
export function Thread({ graph, id, person }: { graph: Graph; id: string; person: string }) {
  const { conversation, messages, problem, run } = useThread(graph, id);

  const { unreadCount = 0, lastMessageAt } = conversation ?? {};
  useEffect(() => {
    if (unreadCount > 0) run(() => graph.mutate(MarkReadDocument, { id }));
  }, [graph, id, unreadCount, lastMessageAt]);

  async function takeOver() {
    // Of two people who take over at once, the gateway refuses the second: the assignee is no longer the one shown.
    await graph.mutate(AssignDocument, { id, assignee: person, ifAssignee: conversation?.assignee ?? null });
    await graph.mutate(TakeOverDocument, { id, person });
  }

  if (conversation === undefined) return <p role="alert">{problem}</p>;
  const { sessionId, status, answeredBy, assignee } = conversation;
  const actions = {
    ...(answeredBy === 'AGENT'
      ? { 'Hand back': () => graph.mutate(HandBackDocument, { id }) }
      : { 'Take over': takeOver }),
    ...(status !== 'CLOSED' && { Close: () => graph.mutate(CloseDocument, { id }) }),
  };
  return (
    <section aria-label="Conversation">
      <h2>{sessionId}</h2>
      <p>
        {status.toLowerCase()}, assigned to {assignee ?? 'nobody'}
      </p>
      {Object.entries(actions).map(([name, act]) => (
        <button type="button" key={name} onClick={() => run(act)}>
          {name}
        </button>
      ))}
      <p role="alert">{problem}</p>
      <ol aria-label="Messages">
        {messages.map((message) => (
          <li key={message.id}>
            <b>{message.isPrivate ? 'Note' : (message.authorName ?? message.role.toLowerCase())}</b> {message.content}
          </li>
        ))}
      </ol>
      <ReplyForm run={run} send={(draft) => graph.mutate(ReplyDocument, { id, person, ...draft })} />
    </section>
  );
}

type Run = (action: () => Promise<void>) => void;

/** A message to the visitor, and the id that keeps the gateway from storing it twice. */
interface Draft {
  readonly content: string;
  readonly clientMessageId: string;
}

const createDraft = (content: string): Draft => ({ content, clientMessageId: `${Date.now()}-${Math.random()}` });

/** The form for a message to the visitor. The text stays in it until it is sent. */
function ReplyForm({ run, send }: { run: Run; send(draft: Draft): Promise<void> }) {
  const [draft, setDraft] = useState(() => createDraft(''));

  async function submit() {
    await send(draft);
    setDraft(createDraft(''));
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        run(submit);
      }}
    >
      <textarea
        aria-label="Your message"
        value={draft.content}
        onInput={(event) => setDraft(createDraft(event.currentTarget.value))}
      />
      <button type="submit">Send</button>
    </form>
  );
}

/** Follows one conversation and its messages. */
function useThread(graph: Graph, id: string) {
  const [conversation, setConversation] = useState<Conversation>();
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const [problem, setProblem] = useState<string | null>(null);

  /** Runs an action of the person, and shows why it failed. */
  const run: Run = (action) => {
    setProblem(null);
    action().catch((error) => setProblem(messageOf(error)));
  };

  useEffect(() => {
    const stop = new AbortController();
    const feed: Feed<ThreadEventsSubscription['event']> = {
      document: ThreadEventsDocument,
      variables: { id },
      async read() {
        const { conversation } = await graph.request(ThreadDocument, { id }, stop.signal);
        if (conversation === null) throw new Error('This conversation no longer exists.');
        setConversation(conversation);
        setMessages(conversation.messages.nodes);
        return conversation.eventCursor;
      },
      apply(event) {
        if (event.__typename === 'BranchSelected' || event.__typename === 'ConversationDeleted') return false;
        if ('conversation' in event && event.conversation !== null) setConversation(event.conversation);
        setMessages((shown) => applyEvent(shown, event));
        return true;
      },
      report: setProblem,
    };
    void graph.follow(feed, stop.signal);
    return () => stop.abort();
  }, [graph, id]);

  return { conversation, messages, problem, run };
}

/** The shown messages after an event. An event whose effect is shown already changes nothing. */
function applyEvent(shown: readonly Message[], event: ThreadEventsSubscription['event']): readonly Message[] {
  switch (event.__typename) {
    case 'MessageCreated': {
      const { message, replaces } = event;
      const kept = removeFrom(shown, replaces?.id);
      return kept.some(({ id }) => id === message.id) ? replace(kept, message) : [...kept, message];
    }
    case 'MessageDelta':
      return shown.map((message) =>
        message.id === event.messageId ? { ...message, content: event.content } : message,
      );
    case 'MessageDeleted':
      return shown.filter(({ id }) => id !== event.messageId);
    default:
      return 'message' in event ? replace(shown, event.message) : shown;
  }
}

const replace = (shown: readonly Message[], changed: Message) =>
  shown.map((message) => (message.id === changed.id ? changed : message));

/** Removes a message and all after it, except private notes. */
function removeFrom(shown: readonly Message[], id: string | undefined): readonly Message[] {
  const start = shown.findIndex((message) => message.id === id);
  return start === -1 ? shown : shown.filter(({ isPrivate }, index) => index < start || isPrivate);
}
