import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, type Graph } from './graph.ts';
import { Inbox } from './inbox.tsx';

/** Asks for the name and the API key of a person, so that no key is part of the page, and then shows the inbox. */
function App({ gateway }: { gateway: string }) {
  const [session, setSession] = useState<{ graph: Graph; person: string }>();
  if (session !== undefined) return <Inbox {...session} />;

  function signIn(form: HTMLFormElement) {
    const data = new FormData(form);
    setSession({ graph: connect(gateway, String(data.get('key'))), person: String(data.get('person')) });
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        signIn(event.currentTarget);
      }}
    >
      <input name="person" aria-label="Your name" required />
      <input name="key" aria-label="API key" type="password" required />
      <button type="submit">Sign in</button>
    </form>
  );
}

const root = document.getElementById('inbox');
if (root !== null) createRoot(root).render(<App gateway={root.dataset.gateway ?? ''} />);
