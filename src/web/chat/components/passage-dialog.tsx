import { useEffect, useMemo, useState } from 'preact/hooks';
import { insertSpanMarks } from '../citation-marks.ts';
import { PassagesDocument, type PassagesQuery } from '../documents.ts';
import { describeFailure } from '../failures.ts';
import { httpUrlOrUndefined, renderMarkdown } from '../markdown.ts';
import { findQuote } from '../quote.ts';
import { useChat } from '../use-chat.ts';
import type { ShownCitation } from './answer.tsx';
import { Dialog } from './dialog.tsx';

/** Shows the passage of a citation, with the quote highlighted. */
export function PassageDialog({ citation, onClose }: { citation: ShownCitation; onClose(): void }) {
  const { client } = useChat();
  const [passageText, setPassageText] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const { messageId, title, url, quote } = citation;
  const { id: passageId, headingPath = [] } = citation.passage ?? {};
  const address = httpUrlOrUndefined(url ?? '');

  useEffect(() => {
    if (passageId === undefined) return;
    client.request(PassagesDocument, { messageId }).then(
      ({ node }) => setPassageText(findPassage(node, passageId)?.text),
      (error: unknown) => setProblem(describeFailure(error)),
    );
  }, [client, messageId, passageId]);

  return (
    <Dialog title={title} onClose={onClose}>
      {headingPath.length > 0 && (
        <p class="muted" dir="auto">
          {headingPath.join(' › ')}
        </p>
      )}
      {passageText === undefined ? (
        <blockquote class="content passage" dir="auto">
          <mark>{quote}</mark>
        </blockquote>
      ) : (
        <PassageText text={passageText} quote={quote} />
      )}
      {passageId === undefined && <p class="muted">The source was deleted. Only the quote was kept.</p>}
      {problem !== undefined && <p role="alert">{problem}</p>}
      {address !== undefined && (
        <p>
          <a href={address} class="address" dir="ltr" target="_blank" rel="noopener noreferrer">
            {address}
          </a>
        </p>
      )}
    </Dialog>
  );
}

function findPassage(node: PassagesQuery['node'], id: string) {
  const citations = node?.__typename === 'Message' ? node.citations : [];
  return citations.find(({ passage }) => passage?.id === id)?.passage;
}

function PassageText({ text, quote }: { text: string; quote: string }) {
  const rendered = useMemo(() => {
    const found = findQuote(text, quote);
    let isQuoted = false;
    return renderMarkdown(found ? insertSpanMarks(text, found.start, found.end) : text, 'file', {
      mark(index) {
        isQuoted = index === 0;
        return null;
      },
      text: (part) => (isQuoted && part.trim() !== '' ? <mark>{part}</mark> : part),
    });
  }, [text, quote]);
  return <div class="content passage">{rendered}</div>;
}
