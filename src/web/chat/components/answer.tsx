import { useMemo } from 'preact/hooks';
import { insertMarks, type NumberedCitation, numberCitations } from '../citation-marks.ts';
import { hasEnded, type Message } from '../conversation.ts';
import { renderMarkdown } from '../markdown.ts';
import { useChat } from '../use-chat.ts';
import { rateReply, regenerateReply } from '../versions.ts';
import { focusComposer } from './composer.tsx';
import { FollowUps } from './follow-ups.tsx';
import { RegenerateIcon, ThumbDownIcon, ThumbUpIcon } from './icons.tsx';
import { TypingIndicator } from './typing.tsx';
import { Versions } from './versions.tsx';

/** A citation, and the reply that it belongs to. */
export interface ShownCitation extends NumberedCitation {
  readonly messageId: string;
}

/** Opens the passage of a citation. */
type OnCitation = (citation: ShownCitation) => void;

/** The properties of `Answer`. */
interface AnswerProps {
  readonly message: Message;
  readonly isLast: boolean;
  /** False while a person answers. */
  readonly canRegenerate: boolean;
  readonly onCitation: OnCitation;
}

/** A reply of the chatbot, or a message of a person. */
export function Answer(props: AnswerProps) {
  const { message, isLast, canRegenerate, onCitation } = props;
  const { chatbot } = useChat();
  const citations = useMemo(
    () => numberCitations(message.citations).map((citation) => ({ ...citation, messageId: message.id })),
    [message.citations, message.id],
  );
  const isAgent = message.role === 'AGENT';
  const name = isAgent ? (message.authorName ?? 'A person') : chatbot.name;
  const isEnded = hasEnded(message);
  return (
    <li class={`message ${message.role.toLowerCase()}${isLast ? ' last' : ''}`} aria-busy={!isEnded}>
      <p class={isAgent ? 'name' : 'visually-hidden'} dir="auto">
        {name}
      </p>
      <Content message={message} citations={citations} onCitation={onCitation} />
      {message.status === 'QUEUED' && <p class="small">Waiting for the previous answer…</p>}
      <IncompleteNotice message={message} canRegenerate={canRegenerate} />
      {isEnded && citations.length > 0 && <Sources citations={citations} onCitation={onCitation} />}
      {isEnded && message.role === 'ASSISTANT' && <Actions message={message} canRegenerate={canRegenerate} />}
      {isLast && <FollowUps questions={message.followUps} />}
    </li>
  );
}

function Content(props: { message: Message; citations: ShownCitation[]; onCitation: OnCitation }) {
  const { message, citations, onCitation } = props;
  const { content } = message;
  const { chatbot } = useChat();
  const rendered = useMemo(
    () =>
      renderMarkdown(insertMarks(content, citations), 'chat', {
        mark(index) {
          const citation = citations[index];
          return citation && <CitationMark key={`mark-${index}`} citation={citation} onCitation={onCitation} />;
        },
      }),
    [content, citations, onCitation],
  );
  if (content === '' && message.status === 'STREAMING') return <TypingIndicator label={`${chatbot.name} is writing`} />;
  return <div class="content">{rendered}</div>;
}

/** Prevents a line break between a word and its mark. */
const WORD_JOINER = '\u2060';

function CitationMark({ citation, onCitation }: { citation: ShownCitation; onCitation: OnCitation }) {
  return (
    <sup>
      {WORD_JOINER}
      <button
        type="button"
        class="mark"
        aria-label={`Source ${citation.number}: ${citation.title}`}
        onClick={() => onCitation(citation)}
      >
        <span class="number">{citation.number}</span>
      </button>
    </sup>
  );
}

/** The list of sources below the reply. It includes citations whose marks could not be inserted. */
function Sources({ citations, onCitation }: { citations: ShownCitation[]; onCitation: OnCitation }) {
  const uniqueCitations = citations.filter(
    (citation, index) => citations.findIndex((c) => c.number === citation.number) === index,
  );
  return (
    <ul class="sources" aria-label="Sources">
      {uniqueCitations.map((citation) => (
        <li key={citation.number}>
          <button type="button" onClick={() => onCitation(citation)}>
            <span class="number">{citation.number}</span> <bdi>{citation.title}</bdi>{' '}
            <HeadingPath citation={citation} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The headings that lead to the cited passage, without a first one that repeats the title of the source. */
function HeadingPath({ citation: { title, passage } }: { citation: ShownCitation }) {
  const [first, ...others] = passage?.headingPath ?? [];
  const path = first === undefined || first === title ? others : [first, ...others];
  return path.length > 0 ? <bdi class="path">{path.join(' › ')}</bdi> : null;
}

type RegenerableProps = Pick<AnswerProps, 'message' | 'canRegenerate'>;

/** Shows that a reply ended early, with a button to regenerate it. */
function IncompleteNotice({ message, canRegenerate }: RegenerableProps) {
  const chat = useChat();
  const text = STATUS_TEXTS[message.status];
  if (text === undefined) return null;
  return (
    <p class={message.status === 'STOPPED' ? 'ending' : 'ending failure'}>
      <span>{message.error?.message ?? text}</span>
      {canRegenerate && (
        <button
          type="button"
          class="secondary"
          onClick={(event) => {
            regenerateReply(chat, message);
            focusComposer(event);
          }}
        >
          Answer again
        </button>
      )}
    </p>
  );
}

const STATUS_TEXTS: Partial<Record<Message['status'], string>> = {
  FAILED: 'The answer failed.',
  STOPPED: 'You stopped this answer.',
  INTERRUPTED: 'This answer was interrupted.',
};

function Actions({ message, canRegenerate }: RegenerableProps) {
  const chat = useChat();
  const renderRateButton = (rating: 'UP' | 'DOWN', label: string, icon: preact.JSX.Element) => (
    <button
      type="button"
      class="quiet show-on-hover"
      aria-label={label}
      title={label}
      aria-pressed={message.rating === rating}
      onClick={() => rateReply(chat, message, rating)}
    >
      {icon}
    </button>
  );
  return (
    <div class="actions">
      <Versions message={message} />
      {renderRateButton('UP', 'Good answer', <ThumbUpIcon />)}
      {renderRateButton('DOWN', 'Bad answer', <ThumbDownIcon />)}
      {canRegenerate && (
        <button
          type="button"
          class="quiet show-on-hover"
          aria-label="Regenerate"
          title="Regenerate"
          onClick={(event) => {
            regenerateReply(chat, message);
            focusComposer(event);
          }}
        >
          <RegenerateIcon />
        </button>
      )}
    </div>
  );
}
