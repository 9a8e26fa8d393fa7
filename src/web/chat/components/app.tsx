import { useCallback, useEffect, useState } from 'preact/hooks';
import { hasEnded } from '../conversation.ts';
import { isForInputMethod } from '../keyboard.ts';
import { useChat, useChatState } from '../use-chat.ts';
import { stopReply } from '../versions.ts';
import type { ShownCitation } from './answer.tsx';
import { Banner } from './banner.tsx';
import { Composer, focusComposer } from './composer.tsx';
import { HandoffDialog } from './handoff-dialog.tsx';
import { NewIcon, PersonIcon } from './icons.tsx';
import { MessageLog } from './message-log.tsx';
import { PassageDialog } from './passage-dialog.tsx';
import { StatusLine } from './status-line.tsx';

/** The chat page. */
export function App() {
  const chat = useChat();
  const state = useChatState();
  const [citation, setCitation] = useState<ShownCitation>();
  const [isHandoffOpen, setHandoffOpen] = useState(false);
  const closeCitation = useCallback(() => setCitation(undefined), []);
  const closeHandoff = useCallback(() => setHandoffOpen(false), []);
  const { conversation } = state;
  const isBusy = state.messages.some((message) => !hasEnded(message));

  useEffect(() => {
    const stopOnEscape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || isForInputMethod(event)) return;
      if (!document.querySelector('dialog[open]')) stopReply(chat);
    };
    document.addEventListener('keydown', stopOnEscape);
    return () => document.removeEventListener('keydown', stopOnEscape);
  }, [chat]);

  return (
    <>
      <header class="top">
        <h1 dir="auto">{chat.chatbot.name}</h1>
        {conversation?.status === 'OPEN' && conversation.answeredBy === 'ASSISTANT' && (
          <button type="button" class="quiet" aria-label="Talk to a person" onClick={() => setHandoffOpen(true)}>
            <PersonIcon /> <span class="label">Talk to a person</span>
          </button>
        )}
        <button
          type="button"
          class="quiet"
          onClick={(event) => {
            chat.startNewConversation();
            focusComposer(event);
          }}
          disabled={isEmptyConversation(state) || state.isExpired}
        >
          <NewIcon /> <span class="label">New conversation</span>
        </button>
      </header>
      <main>
        <Banner conversation={conversation} />
        <MessageLog state={state} onCitation={setCitation} />
      </main>
      <footer class="bottom">
        <StatusLine state={state} />
        <Composer isBusy={isBusy} isDisabled={state.isExpired} />
        <p class="small">Local demo: this page works on this computer only.</p>
      </footer>
      <div class="visually-hidden" aria-live="polite" aria-atomic="true">
        {state.announcement}
      </div>
      {citation && <PassageDialog citation={citation} onClose={closeCitation} />}
      {isHandoffOpen && <HandoffDialog onClose={closeHandoff} />}
    </>
  );
}

function isEmptyConversation({ messages, pending, isLoading }: ReturnType<typeof useChatState>): boolean {
  return messages.length === 0 && pending.length === 0 && !isLoading;
}
