import type { ConversationFieldsFragment } from '../documents.ts';

/** Shows that a person answers, or has been asked to join. */
export function Banner({ conversation }: { conversation: ConversationFieldsFragment | undefined }) {
  const text = describe(conversation);
  return (
    <div class="banner" role="status" hidden={text === undefined}>
      {text}
    </div>
  );
}

function describe(conversation: ConversationFieldsFragment | undefined): string | undefined {
  if (conversation?.answeredBy === 'AGENT') {
    return conversation.assignee ? `${conversation.assignee} is answering you now.` : 'A person is answering you now.';
  }
  if (conversation?.status === 'ESCALATED') return 'A person has been asked to join. You can keep writing.';
  return undefined;
}
