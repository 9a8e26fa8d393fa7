import { render } from 'preact';
import './styles/base.css';
import './styles/layout.css';
import './styles/messages.css';
import './styles/dialogs.css';
import { createChat } from './chat.ts';
import { App } from './components/app.tsx';
import { LinkNotice } from './components/link-notice.tsx';
import { ExpiredError, openSession } from './session.ts';
import { createStore } from './store.ts';
import { openTabStorage } from './tab-storage.ts';
import { ChatContext } from './use-chat.ts';

async function open(root: HTMLElement): Promise<void> {
  const [, , slug = ''] = location.pathname.split('/');
  const linkSecret = location.hash.slice(1);
  // Removes the secret from the address bar and the history.
  if (linkSecret !== '') history.replaceState(null, '', location.pathname);
  addEventListener('hashchange', () => location.reload());
  const store = createStore();
  const tabStorage = openTabStorage(slug);
  try {
    const session = await openSession(slug, linkSecret, tabStorage, () => store.update({ isExpired: true }));
    if (session === undefined) {
      render(<LinkNotice />, root);
      return;
    }
    const chat = createChat({ session, tabStorage, store });
    document.title = `${chat.chatbot.name} – ChatGraph`;
    render(
      <ChatContext.Provider value={chat}>
        <App />
      </ChatContext.Provider>,
      root,
    );
  } catch (error) {
    if (!(error instanceof ExpiredError)) throw error;
    render(<LinkNotice isExpired />, root);
  }
}

const root = document.getElementById('chat');
if (root !== null) void open(root);
