import { render } from 'preact';
import './styles/base.css';
import './styles/layout.css';
import './styles/messages.css';
import './styles/dialogs.css';
import { createChat } from './chat.ts';
import { App } from './components/app.tsx';
import { readSettings } from './settings.ts';
import { ChatContext } from './use-chat.ts';

const root = document.getElementById('chat');
if (root !== null) {
  const chat = createChat(readSettings(root));
  render(
    <ChatContext.Provider value={chat}>
      <App />
    </ChatContext.Provider>,
    root,
  );
}
