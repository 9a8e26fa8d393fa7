import { createChatGraph } from '@chatgraph/client';

const { gateway = '', chatbot = '' } = document.body.dataset;
const conversation = createChatGraph({ url: gateway, chatbot }).conversation();

const list = document.querySelector('ol') as HTMLOListElement;
const status = document.querySelector('[role=status]') as HTMLElement;
const input = document.querySelector('input') as HTMLInputElement;
const stop = document.querySelector('[type=button]') as HTMLButtonElement;

/** Creates an element with children or texts. */
function element(name: string, ...children: readonly (Node | string)[]): HTMLElement {
  const created = document.createElement(name);
  created.append(...children);
  return created;
}

/** Shows the whole state. It is right after any lost connection, so nothing else has to be remembered. */
function show(): void {
  const { messages, pending, isConnected, isPersonTyping, notice } = conversation.state;
  list.replaceChildren(
    ...messages.map(({ role, content, citations }) =>
      element(
        'li',
        element('b', role.toLowerCase()),
        ` ${content}`,
        ...citations.map(({ title }) => element('cite', title)),
      ),
    ),
    ...pending.map(({ content, error }) => element('li', element('i', error?.message ?? 'sending'), ` ${content}`)),
  );
  const isOffline = messages.length > 0 && !isConnected;
  status.textContent = isOffline ? 'Connecting…' : isPersonTyping ? 'A person is typing…' : (notice ?? '');
  stop.hidden = messages.every(({ status: state }) => state !== 'QUEUED' && state !== 'STREAMING');
}

conversation.subscribe(show);
show();
stop.addEventListener('click', () => void conversation.stop());
document.querySelector('form')?.addEventListener('submit', (event) => {
  event.preventDefault();
  conversation.send(input.value);
  input.value = '';
});
