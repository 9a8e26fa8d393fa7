import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { copyText } from '../clipboard.ts';
import { CopyIcon } from './icons.tsx';

const FEEDBACK_MS = 4_000;

/** The attributes of an element that the keyboard must be able to scroll. */
export const scrollable = (label: string) => ({ role: 'group', tabIndex: 0, 'aria-label': label }) as const;

/** A block of code, with a button that copies its text. */
export function CodeBlock({ text, children }: { text: string; children?: ComponentChildren }) {
  const code = useRef<HTMLPreElement>(null);
  const [feedback, setFeedback] = useState('');

  useEffect(() => {
    if (feedback === '') return;
    const timer = setTimeout(() => setFeedback(''), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [feedback]);

  async function copy(): Promise<void> {
    if (code.current === null) return;
    const isCopied = await copyText(text.replace(/\n$/, ''), code.current);
    setFeedback(isCopied ? 'Copied' : 'Selected, but not copied: press Ctrl+C or ⌘C');
  }

  return (
    <div class="code">
      <div class="code-bar">
        <span role="status" class="small">
          {feedback}
        </span>
        <button type="button" class="quiet" aria-label="Copy code" title="Copy code" onClick={() => void copy()}>
          <CopyIcon />
        </button>
      </div>
      <pre ref={code} dir="ltr" {...scrollable('Code')}>
        {children}
      </pre>
    </div>
  );
}
