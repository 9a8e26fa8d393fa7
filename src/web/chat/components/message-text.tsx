import { useState } from 'preact/hooks';
import { useChat } from '../use-chat.ts';

/** The text that a visitor writes. */
export interface MessageText {
  readonly text: string;
  /** The text as it is sent: without white space at the ends. */
  readonly content: string;
  /** The number of UTF-16 code units by which `content` is too long, as the gateway counts; 0 if it is not. */
  readonly excess: number;
  /** False for a text that is empty or too long. */
  readonly isSendable: boolean;
  setText(text: string): void;
}

/** Creates the state of a field for a message. The field never cuts a text: a text that is too long cannot be sent. */
export function useMessageText(initialText = ''): MessageText {
  const { maxMessageChars } = useChat();
  const [text, setText] = useState(initialText);
  const content = text.trim();
  const excess = Math.max(0, content.length - maxMessageChars);
  return { text, content, excess, isSendable: content !== '' && excess === 0, setText };
}

/** Shows by how many characters the text of a field is too long. The field names the id in `aria-describedby`. */
export function LengthNotice({ id, excess }: { id: string; excess: number }) {
  const { maxMessageChars } = useChat();
  return (
    <p id={id} role="status" class="length-notice failure">
      {excess > 0 && `${count(excess)} too long. A message may have at most ${count(maxMessageChars)}.`}
    </p>
  );
}

const count = (number: number) => `${number.toLocaleString('en')} ${number === 1 ? 'character' : 'characters'}`;
