import { useChat } from '../use-chat.ts';
import { focusComposer } from './composer.tsx';

/** Suggested questions as buttons; pressing one sends the question. */
export function FollowUps({ questions }: { questions: readonly string[] }) {
  const chat = useChat();
  if (questions.length === 0) return null;
  return (
    <ul class="examples follow-ups" aria-label="Questions to ask next">
      {questions.map((question) => (
        <li key={question}>
          <button
            type="button"
            dir="auto"
            onClick={(event) => {
              chat.send(question);
              focusComposer(event);
            }}
          >
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}
