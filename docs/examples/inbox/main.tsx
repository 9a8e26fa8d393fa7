import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { connect, type Graph } from './graph.ts';
import { Inbox } from './inbox.tsx';

/** Gets the access token of the signed-in person from the server of this page, which has a sign-in of its own. */
async function getToken(): Promise<string> {
  const response = await fetch('/token');
  if (!response.ok) throw new Error('Sign in first.');
  return response.text();
}

/** Asks for the name under which a person answers, and then shows the inbox. */
function App({ gateway }: { gateway: string }) {
  const [session, setSession] = useState<{ graph: Graph; person: string }>();
  if (session !== undefined) return <Inbox {...session} />;

  function signIn(form: HTMLFormElement) {
    const data = new FormData(form);
    setSession({ graph: connect(gateway, getToken), person: String(data.get('person')) });
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        signIn(event.currentTarget);
      }}
    >
      <input name="person" aria-label="Your name" required />
      <button type="submit">Sign in</button>
    </form>
  );
}

const root = document.getElementById('inbox');
if (root !== null) createRoot(root).render(<App gateway={root.dataset.gateway ?? ''} />);
