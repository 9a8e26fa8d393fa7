import { EXPIRED_MESSAGE } from '../session.ts';
import type { ChatState } from '../store.ts';
import { useChat } from '../use-chat.ts';
import { CloseIcon } from './icons.tsx';

/** Shows the state of the connection, and the last failure. */
export function StatusLine({ state }: { state: ChatState }) {
  const { store } = useChat();
  return (
    <div class="status-line">
      <p role="status">{state.isOnline || state.isExpired ? '' : 'Connection lost, trying again…'}</p>
      {state.isExpired && (
        <p role="alert" class="problem">
          {EXPIRED_MESSAGE}
        </p>
      )}
      {state.notice !== undefined && (
        <p role="alert" class="problem">
          <span>{state.notice}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => store.update({ notice: undefined })}>
            <CloseIcon />
          </button>
        </p>
      )}
    </div>
  );
}
