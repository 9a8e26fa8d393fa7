import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { createTypingNotifier } from '../handoff.ts';
import { isSendKey } from '../keyboard.ts';
import { useChat } from '../use-chat.ts';
import { stopReply } from '../versions.ts';
import { SendIcon, StopIcon } from './icons.tsx';
import { LengthNotice, useMessageText } from './message-text.tsx';

const INPUT_ID = 'question';
const NOTICE_ID = 'question-length';

/** Returns whether this is not a touch device, where an on-screen keyboard would cover the page. */
const hasKeyboard = () => matchMedia('(hover: hover) and (pointer: fine)').matches;

/**
 * Focuses the composer after a click that makes the clicked control disappear, or disables it. Does nothing after a
 * touch.
 */
export function focusComposer({ detail }: MouseEvent): void {
  const isByKeyboard = detail === 0;
  if (isByKeyboard || hasKeyboard()) document.getElementById(INPUT_ID)?.focus();
}

/** The visitor's input. Enter sends, Shift+Enter starts a new line. */
export function Composer({ isBusy, isDisabled }: { isBusy: boolean; isDisabled: boolean }) {
  const chat = useChat();
  const { text, content, excess, isSendable, setText } = useMessageText();
  const field = useRef<HTMLTextAreaElement>(null);
  const notifyTyping = useMemo(() => createTypingNotifier(chat), [chat]);

  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [text]);

  useEffect(() => {
    if (hasKeyboard()) field.current?.focus();
  }, []);

  function send(event: Event): void {
    event.preventDefault();
    if (!isSendable) return;
    chat.send(content);
    setText('');
    field.current?.focus();
  }

  return (
    <form onSubmit={send}>
      <LengthNotice id={NOTICE_ID} excess={excess} />
      <div class="composer">
        <label class="visually-hidden" for={INPUT_ID}>
          Your message
        </label>
        <textarea
          id={INPUT_ID}
          ref={field}
          rows={1}
          dir="auto"
          aria-invalid={excess > 0}
          aria-describedby={NOTICE_ID}
          placeholder={`Ask ${chat.chatbot.name}…`}
          enterkeyhint="send"
          autocomplete="off"
          disabled={isDisabled}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            notifyTyping();
          }}
          onKeyDown={(event) => isSendKey(event) && send(event)}
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
        <button type="submit" class="round" aria-label="Send" disabled={!isSendable}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}
