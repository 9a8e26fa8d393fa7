import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../conversation.ts';
import type { ChatState } from '../store.ts';
import { useChat } from '../use-chat.ts';
import { Answer, type ShownCitation } from './answer.tsx';
import { focusComposer } from './composer.tsx';
import { DownIcon } from './icons.tsx';
import { PendingQuestion } from './pending-question.tsx';
import { Question } from './question.tsx';
import { TypingIndicator } from './typing.tsx';

/** The distance from the end within which the log counts as scrolled to the end. */
const END_TOLERANCE_PX = 60;

/**
 * The messages of the conversation. The log scrolls with new messages while it is scrolled to the end. It is not a live
 * region, because a separate live region announces finished messages.
 */
export function MessageLog({ state, onCitation }: { state: ChatState; onCitation(citation: ShownCitation): void }) {
  const chat = useChat();
  const { messages, pending, isLoading, isPersonTyping, earlierCursor } = state;
  const { scroller, isAtEnd, scrollToEnd } = useScrollToEnd(state);
  const isEmpty = messages.length === 0 && pending.length === 0 && !isLoading;

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must be able to scroll the log.
    <section class="log" ref={scroller} role="log" aria-live="off" aria-label="Conversation" tabIndex={0}>
      <div class="column">
        {earlierCursor !== undefined && (
          <button type="button" class="quiet earlier" onClick={chat.loadEarlierMessages}>
            Show earlier messages
          </button>
        )}
        {isLoading && <p class="muted">Loading the conversation…</p>}
        {isEmpty && <Welcome />}
        <ol class="messages">
          {messages.map((message, index) =>
            message.role === 'USER' ? (
              <Question key={versionGroupKey(message)} message={message} />
            ) : (
              <Answer
                key={versionGroupKey(message)}
                message={message}
                canRegenerate={state.conversation?.answeredBy !== 'AGENT'}
                isLast={index === messages.length - 1}
                onCitation={onCitation}
              />
            ),
          )}
          {pending.map((message) => (
            <PendingQuestion key={message.clientMessageId} message={message} />
          ))}
          {isPersonTyping && (
            <li class="message agent">
              <TypingIndicator label="A person is typing" />
            </li>
          )}
        </ol>
      </div>
      {!isAtEnd && (
        <button type="button" class="round to-end" aria-label="Go to the newest message" onClick={scrollToEnd}>
          <DownIcon />
        </button>
      )}
    </section>
  );
}

/** All versions of a message have the same key, so that the focus stays when another version is shown. */
const versionGroupKey = ({ parent }: Message) => parent?.id ?? 'first';

function Welcome() {
  const chat = useChat();
  const { name } = chat.chatbot;
  return (
    <div class="welcome">
      <h2>What would you like to know?</h2>
      <p class="muted">
        <bdi>{name}</bdi> answers from its sources and shows where each answer comes from.
      </p>
      <ul class="examples">
        {chat.examples.map((example) => (
          <li key={example}>
            <button
              type="button"
              dir="auto"
              onClick={(event) => {
                chat.send(example);
                focusComposer(event);
              }}
            >
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function useScrollToEnd(state: ChatState) {
  const scroller = useRef<HTMLElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const wasAtEnd = useRef(true);
  const { messages, pending, isPersonTyping } = state;

  const scrollToEnd = () => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });

  useEffect(() => {
    const { current } = scroller;
    if (current === null) return;
    const updateIsAtEnd = () => {
      wasAtEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < END_TOLERANCE_PX;
      setAtEnd(wasAtEnd.current);
    };
    // The log shrinks when an on-screen keyboard opens.
    const resizeObserver = new ResizeObserver(() => {
      if (wasAtEnd.current) scrollToEnd();
    });
    current.addEventListener('scroll', updateIsAtEnd, { passive: true });
    resizeObserver.observe(current);
    return () => {
      current.removeEventListener('scroll', updateIsAtEnd);
      resizeObserver.disconnect();
    };
  }, []);

  useLayoutEffect(() => {
    if (wasAtEnd.current) scrollToEnd();
  }, [messages, pending, isPersonTyping]);

  // Scrolls a newly sent message into view.
  const pendingCount = pending.length;
  const lastPendingCount = useRef(pendingCount);
  useLayoutEffect(() => {
    if (pendingCount > lastPendingCount.current) scrollToEnd();
    lastPendingCount.current = pendingCount;
  }, [pendingCount]);

  return { scroller, isAtEnd, scrollToEnd };
}
