import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Message } from '../conversation.ts';
import { isForInputMethod, isSendKey } from '../keyboard.ts';
import { useChat } from '../use-chat.ts';
import { editQuestion } from '../versions.ts';
import { EditIcon } from './icons.tsx';
import { LengthNotice, useMessageText } from './message-text.tsx';
import { Versions } from './versions.tsx';

/** The visitor's message, which can be edited. */
export function Question({ message }: { message: Message }) {
  const [isEditing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);

  useEffect(() => {
    if (wasEditing.current && !isEditing) button.current?.focus();
    wasEditing.current = isEditing;
  }, [isEditing]);

  if (isEditing) {
    return (
      <li class="message user">
        <EditForm message={message} onClose={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li class="message user">
      <p class="visually-hidden">You</p>
      <div class="bubble-row">
        <button
          type="button"
          class="quiet show-on-hover"
          aria-label="Edit"
          title="Edit"
          ref={button}
          onClick={() => setEditing(true)}
        >
          <EditIcon />
        </button>
        <div class="bubble" dir="auto">
          {message.content}
        </div>
      </div>
      <Versions message={message} />
    </li>
  );
}

function EditForm({ message, onClose }: { message: Message; onClose(): void }) {
  const chat = useChat();
  const { text, content, excess, isSendable, setText } = useMessageText(message.content);
  const [isSaving, setSaving] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const noticeId = `edit-length-${message.id}`;

  // Before the browser paints, so that what is typed at once is not inserted at another place.
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(field.current.value.length, field.current.value.length);
  }, []);

  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if (!isSendable || isSaving) return;
    setSaving(true);
    const isDone = await editQuestion(chat, message, content);
    setSaving(false);
    if (isDone) onClose();
  }

  return (
    <form
      class="edit"
      onSubmit={(event) => void save(event)}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !isForInputMethod(event)) {
          // Otherwise Esc would also stop the reply.
          event.preventDefault();
          onClose();
        }
        if (isSendKey(event) && event.target === field.current) void save(event);
      }}
    >
      <label class="visually-hidden" for={`edit-${message.id}`}>
        Your message in other words
      </label>
      <textarea
        id={`edit-${message.id}`}
        ref={field}
        rows={3}
        dir="auto"
        aria-invalid={excess > 0}
        aria-describedby={noticeId}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <LengthNotice id={noticeId} excess={excess} />
      <div class="buttons">
        <button type="button" class="quiet" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={!isSendable || isSaving}>
          Ask again
        </button>
      </div>
    </form>
  );
}
