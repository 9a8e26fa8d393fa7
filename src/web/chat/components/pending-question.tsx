import type { PendingMessage } from '../outbox.ts';
import { useChat, useChatState } from '../use-chat.ts';

/** A message that the gateway has not confirmed yet, or has refused. */
export function PendingQuestion({ message }: { message: PendingMessage }) {
  const chat = useChat();
  const { isOnline } = useChatState();
  const { content, refusal } = message;
  return (
    <li class="message user pending">
      <p class="visually-hidden">You</p>
      <div class="bubble" dir="auto">
        {content}
      </div>
      {refusal === undefined ? (
        <p class="small">{isOnline ? 'Sending…' : 'Will be sent as soon as the connection is back.'}</p>
      ) : (
        <p class="small failure">
          Not sent. {refusal}{' '}
          <button type="button" class="quiet" onClick={() => chat.discard(message)}>
            Discard
          </button>
        </p>
      )}
    </li>
  );
}
