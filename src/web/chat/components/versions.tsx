import type { Message } from '../conversation.ts';
import { useChat } from '../use-chat.ts';
import { selectVersion } from '../versions.ts';
import { NextIcon, PreviousIcon } from './icons.tsx';

/** Shows the number of the displayed version of a message, with buttons for the other versions. */
export function Versions({ message: { id, siblings } }: { message: Message }) {
  const chat = useChat();
  if (siblings.length < 2) return null;
  const index = siblings.findIndex((sibling) => sibling.id === id);
  const renderStepButton = (offset: number, label: string, icon: preact.JSX.Element) => {
    const target = siblings[index + offset];
    return (
      <button
        type="button"
        class="quiet"
        aria-label={label}
        title={label}
        aria-disabled={target === undefined}
        onClick={() => target && selectVersion(chat, target.id)}
      >
        {icon}
      </button>
    );
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be wrong outside a form.
    <span class="versions" role="group" aria-label="Versions">
      {renderStepButton(-1, 'Previous version', <PreviousIcon />)}
      <span>
        {index + 1} / {siblings.length}
      </span>
      {renderStepButton(1, 'Next version', <NextIcon />)}
    </span>
  );
}
