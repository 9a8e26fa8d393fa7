import { useEffect, useState } from 'preact/hooks';
import { describeFailure } from '../failures.ts';
import { type LeadForm, readLeadForm, requestHandoff } from '../handoff.ts';
import { useChat } from '../use-chat.ts';
import { Dialog } from './dialog.tsx';

/** The dialog to request a person, with the fields of the chatbot's lead form. */
export function HandoffDialog({ onClose }: { onClose(): void }) {
  const chat = useChat();
  const [form, setForm] = useState<LeadForm>();
  const [problem, setProblem] = useState<string>();
  const [isSending, setSending] = useState(false);

  useEffect(() => {
    readLeadForm(chat).then(setForm, (error: unknown) => setProblem(describeFailure(error)));
  }, [chat]);

  async function send(event: Event): Promise<void> {
    event.preventDefault();
    if (isSending) return;
    setSending(true);
    const values = Object.fromEntries(
      [...new FormData(event.currentTarget as HTMLFormElement)].map(([name, value]) => [name, String(value)]),
    );
    try {
      await requestHandoff(chat, values);
      onClose();
    } catch (error) {
      setProblem(describeFailure(error));
      setSending(false);
    }
  }

  return (
    <Dialog title="Talk to a person" onClose={onClose}>
      <form class="lead" onSubmit={(event) => void send(event)}>
        {form === undefined && problem === undefined && <p class="muted">One moment…</p>}
        {form !== undefined && form.fields.length > 0 && <p dir="auto">{form.title}</p>}
        {form?.fields.map(({ name, label, isRequired }) => (
          <div class="field" key={name}>
            <label for={`lead-${name}`} dir="auto">
              {label}
              {!isRequired && <span class="muted"> (optional)</span>}
            </label>
            <Input name={name} isRequired={isRequired} />
          </div>
        ))}
        {problem !== undefined && (
          <p role="alert" class="failure">
            {problem}
          </p>
        )}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={form === undefined || isSending}>
            Ask for a person
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** The input of a field. Browsers can autocomplete the name, email and phone. */
function Input({ name, isRequired }: { name: string; isRequired: boolean }) {
  const common = { id: `lead-${name}`, name, required: isRequired, dir: 'auto' } as const;
  if (name === 'email') return <input type="email" autocomplete="email" {...common} />;
  if (name === 'phone') return <input type="tel" autocomplete="tel" {...common} />;
  return <input type="text" autocomplete={name === 'name' ? 'name' : 'off'} {...common} />;
}
