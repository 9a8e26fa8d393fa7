import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Chat } from './chat.ts';
import type { ChatState } from './store.ts';

/** Provides the chat to the components of the page. */
export const ChatContext = createContext<Chat | undefined>(undefined);

/** The chat of the page. */
export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (chat === undefined) throw new Error('useChat needs a ChatContext provider above the component.');
  return chat;
}

/** The state of the page; rerenders after every change. */
export function useChatState(): ChatState {
  const { store } = useChat();
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.subscribe(() => setState(store.state));
  }, [store]);
  return state;
}
