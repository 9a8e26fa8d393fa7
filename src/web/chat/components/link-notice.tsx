import { EXPIRED_MESSAGE } from '../session.ts';

/** Explains that the page needs a valid link. */
export function LinkNotice({ isExpired = false }: { isExpired?: boolean }) {
  return (
    <main class="notice">
      <h1>{isExpired ? 'This link no longer works' : 'This page needs a link'}</h1>
      <p role="alert">{isExpired ? EXPIRED_MESSAGE : NEEDS_LINK}</p>
    </main>
  );
}

const NEEDS_LINK =
  'The demo chatbot opens with the link that the gateway prints at its start, as “Chat page”. It works on the computer that the gateway runs on. The pages of other chatbots do not open in this version.';
