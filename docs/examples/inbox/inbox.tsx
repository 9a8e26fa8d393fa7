import { useEffect, useState } from 'react';
import {
  type InboxConversationFragment as Conversation,
  type ConversationFilter,
  CountsDocument,
  type InboxNumbersFragment as InboxCounts,
  InboxDocument,
  InboxEventsDocument,
  type InboxEventsSubscription,
  type InboxQuery,
} from './documents.ts';
import type { Feed, Graph } from './graph.ts';
import { Thread } from './thread.tsx';

/** The lists of the inbox, named like the counts. `filter` selects from all conversations what `includes` is true for. */
const VIEWS = {
  open: { title: 'Open', filter: { statuses: ['OPEN'] }, includes: ({ status }) => status === 'OPEN' },
  escalated: {
    title: 'Escalated',
    filter: { statuses: ['ESCALATED'] },
    includes: ({ status }) => status === 'ESCALATED',
  },
  withAgent: {
    title: 'With a person',
    filter: { statuses: ['OPEN', 'ESCALATED'], answeredBy: 'AGENT' },
    includes: ({ status, answeredBy }) => status !== 'CLOSED' && answeredBy === 'AGENT',
  },
  unassigned: {
    title: 'Unassigned',
    filter: { statuses: ['OPEN', 'ESCALATED'], isUnassigned: true },
    includes: ({ status, assignee }) => status !== 'CLOSED' && assignee === null,
  },
  unread: {
    title: 'Unread',
    filter: { statuses: ['OPEN', 'ESCALATED'], hasUnread: true },
    includes: ({ status, unreadCount }) => status !== 'CLOSED' && unreadCount > 0,
  },
} satisfies Record<keyof InboxCounts, View>;

interface View {
  readonly title: string;
  readonly filter: ConversationFilter;
  includes(conversation: Conversation): boolean;
}

const MIN_CONVERSATIONS = 50;
const COUNT_INTERVAL_MS = 2_000;

/** The inbox of a person who answers conversations. */
export function Inbox({ graph, person }: { graph: Graph; person: string }) {
  const [view, setView] = useState<keyof InboxCounts>('open');
  const [text, setText] = useState('');
  const [openId, setOpenId] = useState<string>();
  const { conversations, counts, problem } = useInbox(graph, VIEWS[view], text);
  return (
    <main>
      <nav>
        {(Object.keys(VIEWS) as (keyof InboxCounts)[]).map((name) => (
          <button type="button" key={name} aria-pressed={name === view} onClick={() => setView(name)}>
            {VIEWS[name].title} {counts?.[name]}
          </button>
        ))}
      </nav>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setText(String(new FormData(event.currentTarget).get('text')).trim());
        }}
      >
        <input name="text" type="search" aria-label="Text" maxLength={255} /> <button type="submit">Search</button>
      </form>
      {problem !== null && <p role="alert">{problem}</p>}
      <ul aria-label="Conversations">
        {conversations.map(({ id, sessionId, chatbot, assignee, unreadCount, lastMessage }) => (
          <li key={id}>
            <button type="button" aria-current={id === openId} onClick={() => setOpenId(id)}>
              <b>{sessionId}</b> ({unreadCount}) {lastMessage?.content}{' '}
              <i>
                {chatbot.name}, {assignee ?? 'nobody'}
              </i>
            </button>
          </li>
        ))}
      </ul>
      {openId !== undefined && <Thread key={openId} id={openId} graph={graph} person={person} />}
    </main>
  );
}

/** Follows the conversations of a view, only those that contain `text` if it is not empty, and the counts of all views. */
function useInbox(graph: Graph, view: View, text: string) {
  const [conversations, setConversations] = useState<readonly Conversation[]>([]);
  const [counts, setCounts] = useState<InboxCounts>();
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    const stop = new AbortController();
    const filter = text === '' ? view.filter : { ...view.filter, query: text };
    const readCounts = throttle(async () => {
      const { viewer } = await graph.request(CountsDocument, {}, stop.signal);
      setCounts(viewer.account.inbox);
    });

    const feed: Feed<InboxEventsSubscription['event']> = {
      document: InboxEventsDocument,
      async read() {
        const { viewer, conversations } = await readList(graph, filter, stop.signal);
        setCounts(viewer.account.inbox);
        setConversations(conversations.nodes);
        return viewer.account.eventCursor;
      },
      apply({ __typename, conversation }) {
        if (__typename === 'ConversationDeleted') return false;
        if (__typename === 'TypingChanged' || conversation === null) return true;
        // An event does not tell which texts a conversation contains, so a search gets no further results.
        const mayAppear = text === '';
        setConversations((shown) =>
          mayAppear || shown.some(({ id }) => id === conversation.id) ? arrange(shown, conversation, view) : shown,
        );
        readCounts();
        return true;
      },
      report: setProblem,
    };
    void graph.follow(feed, stop.signal);
    return () => stop.abort();
  }, [graph, view, text]);

  return { conversations, counts, problem };
}

/** Reads a list. It goes on until it has enough conversations, because a page of a rare selection may end early. */
async function readList(graph: Graph, filter: ConversationFilter, signal: AbortSignal): Promise<InboxQuery> {
  const first = await graph.request(InboxDocument, { filter }, signal);
  const { nodes } = first.conversations;
  let { pageInfo } = first.conversations;
  while (pageInfo.hasNextPage && nodes.length < MIN_CONVERSATIONS) {
    const { conversations } = await graph.request(InboxDocument, { filter, after: pageInfo.endCursor }, signal);
    nodes.push(...conversations.nodes);
    pageInfo = conversations.pageInfo;
  }
  return first;
}

/** Puts the current state of a conversation into its place, the one with the latest message first. */
function arrange(shown: readonly Conversation[], changed: Conversation, view: View): readonly Conversation[] {
  const others = shown.filter(({ id }) => id !== changed.id);
  if (!view.includes(changed)) return others;
  return [...others, changed].sort(
    (a, b) => b.lastMessageAt.localeCompare(a.lastMessageAt) || b.id.localeCompare(a.id),
  );
}

/** Combines calls, so that the task runs at most once per `COUNT_INTERVAL_MS`, and always after the last call. */
function throttle(task: () => Promise<void>): () => void {
  let isPlanned = false;
  let nextRun = 0;
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    const run = () => {
      isPlanned = false;
      nextRun = Date.now() + COUNT_INTERVAL_MS;
      // The next event makes up for a failure.
      task().catch(() => {});
    };
    setTimeout(run, nextRun - Date.now());
  };
}
