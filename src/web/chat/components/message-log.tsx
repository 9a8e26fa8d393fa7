import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../conversation.ts';
import type { ChatState } from '../store.ts';
import { useChat } from '../use-chat.ts';
import { Answer, type ShownCitation } from './answer.tsx';
import { focusComposer } from './composer.tsx';
import { DownIcon } from './icons.tsx';
import { PendingQuestion } from './pending-question.tsx';
import { Question } from './question.tsx';
import { Dots } from './typing.tsx';

/** The maximum distance from the end at which the visitor counts as being at the end. */
const NEAR_PX = 60;

/**
 * The messages of the conversation. It is not a live region: a separate one announces finished messages. It scrolls
 * with new messages while the visitor is at the end.
 */
export function MessageLog({ state, onCitation }: { state: ChatState; onCitation(citation: ShownCitation): void }) {
  const chat = useChat();
  const { messages, pending, isLoading, isPersonTyping, earlier } = state;
  const { scroller, isAtEnd, scrollToEnd } = useEnd(state);
  const isFresh = messages.length === 0 && pending.length === 0 && !isLoading;

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by the keyboard.
    <section class="log" ref={scroller} role="log" aria-live="off" aria-label="Conversation" tabIndex={0}>
      <div class="column">
        {earlier !== undefined && (
          <button type="button" class="quiet earlier" onClick={chat.readEarlier}>
            Show earlier messages
          </button>
        )}
        {isLoading && <p class="muted">Loading the conversation…</p>}
        {isFresh && <Welcome />}
        <ol class="messages">
          {messages.map((message, index) =>
            message.role === 'USER' ? (
              <Question key={keyOf(message)} message={message} />
            ) : (
              <Answer
                key={keyOf(message)}
                message={message}
                canRegenerate={state.conversation?.answeredBy !== 'PERSON'}
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
              <Dots label="A person is typing" />
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
const keyOf = ({ parent }: Message) => parent?.id ?? 'first';

function Welcome() {
  const chat = useChat();
  const { name } = chat.chatbot;
  return (
    <div class="welcome">
      <h2>What would you like to know?</h2>
      <p class="muted">{name} answers from its sources and shows where each answer comes from.</p>
      <ul class="examples">
        {chat.examples.map((example) => (
          <li key={example}>
            <button
              type="button"
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

function useEnd(state: ChatState) {
  const scroller = useRef<HTMLElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const wasAtEnd = useRef(true);
  const { messages, pending, isPersonTyping } = state;

  const scrollToEnd = () => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });

  useEffect(() => {
    const { current } = scroller;
    if (current === null) return;
    const look = () => {
      wasAtEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR_PX;
      setAtEnd(wasAtEnd.current);
    };
    // The log shrinks when an on-screen keyboard opens.
    const resized = new ResizeObserver(() => {
      if (wasAtEnd.current) scrollToEnd();
    });
    current.addEventListener('scroll', look, { passive: true });
    resized.observe(current);
    return () => {
      current.removeEventListener('scroll', look);
      resized.disconnect();
    };
  }, []);

  useLayoutEffect(() => {
    if (wasAtEnd.current) scrollToEnd();
  }, [messages, pending, isPersonTyping]);

  // A sent message is scrolled into view.
  const count = pending.length;
  const lastCount = useRef(count);
  useLayoutEffect(() => {
    if (count > lastCount.current) scrollToEnd();
    lastCount.current = count;
  }, [count]);

  return { scroller, isAtEnd, scrollToEnd };
}
