import type { TargetedKeyboardEvent } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { createTypingNotifier } from '../handoff.ts';
import { useChat } from '../use-chat.ts';
import { stopReply } from '../versions.ts';
import { SendIcon, StopIcon } from './icons.tsx';

const MAX_CHARS = 8_000;
const INPUT_ID = 'question';

/**
 * Focuses the composer after a click that makes the clicked control disappear, or disables it. Does nothing after a
 * touch, because the on-screen keyboard would cover the page.
 */
export function focusComposer({ detail }: MouseEvent): void {
  const isByKeyboard = detail === 0;
  if (isByKeyboard || matchMedia('(hover: hover)').matches) document.getElementById(INPUT_ID)?.focus();
}

/** The visitor's input. Enter sends, Shift+Enter starts a new line. */
export function Composer({ isBusy, isDisabled }: { isBusy: boolean; isDisabled: boolean }) {
  const chat = useChat();
  const [text, setText] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const notifyTyping = useMemo(() => createTypingNotifier(chat), [chat]);

  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [text]);

  function send(event: Event): void {
    event.preventDefault();
    const content = text.trim();
    if (content === '') return;
    chat.send(content);
    setText('');
    field.current?.focus();
  }

  function sendOnEnter(event: TargetedKeyboardEvent<HTMLTextAreaElement>): void {
    // During text composition, Enter selects the word.
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
  }

  return (
    <form class="composer" onSubmit={send}>
      <label class="visually-hidden" for={INPUT_ID}>
        Your message
      </label>
      <textarea
        id={INPUT_ID}
        ref={field}
        rows={1}
        maxLength={MAX_CHARS}
        placeholder={`Ask ${chat.chatbot.name}…`}
        enterkeyhint="send"
        autocomplete="off"
        disabled={isDisabled}
        value={text}
        onInput={({ currentTarget }) => {
          setText(currentTarget.value);
          notifyTyping();
        }}
        onKeyDown={sendOnEnter}
      />
      {isBusy && (
        <button
          type="button"
          class="round stop"
          aria-label="Stop"
          title="Stop (Esc)"
          onClick={() => {
            stopReply(chat);
            field.current?.focus();
          }}
        >
          <StopIcon />
        </button>
      )}
      <button type="submit" class="round" aria-label="Send" disabled={text.trim() === ''}>
        <SendIcon />
      </button>
    </form>
  );
}
