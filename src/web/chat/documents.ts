// Made by `npm run codegen` from operations.graphql.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Who answers the visitor of a conversation. */
export type Answerer =
  /** The chatbot. */
  | 'AI'
  /** A person, who has answered in its place; the chatbot is silent. */
  | 'PERSON';

/** How the visitor can be reached: what the `leadForm` of the chatbot asks for, at least one thing. */
export type CaptureLeadInput = {
  /** The conversation. */
  conversationId: string | number;
  /** The fields of the form that have other names, and what else you like; an object of at most 16 kB. */
  customData?: unknown;
  /** An email address. */
  email?: string | null | undefined;
  /** A name; 1 to 255 characters. */
  name?: string | null | undefined;
  /** A phone number. */
  phone?: string | null | undefined;
};

/** Where a conversation stands. */
export type ConversationStatus =
  /** Ended; the next message opens it again. */
  | 'CLOSED'
  /** A person is asked for. */
  | 'ESCALATED'
  /** The chatbot answers. */
  | 'OPEN';

/** Who says a message. */
export type MessageRole =
  /** A person who answers in place of the chatbot. */
  | 'AGENT'
  /** The chatbot. */
  | 'ASSISTANT'
  /** The gateway. */
  | 'SYSTEM'
  /** The visitor. */
  | 'USER';

/** How far a message has come. The last four are ends. */
export type MessageStatus =
  /** Whole. */
  | 'COMPLETED'
  /** Could not be written to its end; `error` says why. What was written is kept. */
  | 'FAILED'
  /** The gateway stopped while it was being written. What was saved is kept. */
  | 'INTERRUPTED'
  /** A reply that waits for those before it in the conversation. */
  | 'QUEUED'
  /** Stopped on request. What was written is kept. */
  | 'STOPPED'
  /** A reply that is being written. */
  | 'STREAMING';

/** What the visitor thinks of a reply. */
export type Rating =
  /** Not helpful. */
  | 'DOWN'
  /** Helpful. */
  | 'UP';

/** What to say, and where: exactly one of `chatbotId` and `conversationId`. */
export type SendMessageInput = {
  /** Starts a conversation with this chatbot, or finds the one named by `sessionId`. */
  chatbotId?: string | number | null | undefined;
  /** An id of your own for this message, 1 to 255 characters: sent again with the same id within 24 hours, it is answered again and not stored again. */
  clientMessageId?: string | null | undefined;
  /** The message: 1 to 8,000 characters after trimming, no NUL. */
  content: string;
  /** Goes on with this conversation. */
  conversationId?: string | number | null | undefined;
  /** Free data, an object of at most 16 kB; kept with the message, and with a conversation it begins. */
  metadata?: unknown;
  /** Names a conversation within the chatbot, 1 to 255 characters; absent: a new one. Only with `chatbotId`. */
  sessionId?: string | null | undefined;
  /** What to do while a reply is under way in the conversation. */
  whenBusy?: WhenBusy | null | undefined;
};

/** Who can be seen typing. */
export type TypingRole =
  /** A person who answers in place of the chatbot. */
  | 'AGENT'
  /** The visitor. */
  | 'USER';

/** What a message means while a reply is under way in its conversation. */
export type WhenBusy =
  /** Its reply waits for its turn. */
  | 'ENQUEUE'
  /** It is answered next: the reply under way is stopped and keeps what it has, and those that wait are stopped before they begin. */
  | 'INTERRUPT'
  /** It is refused. */
  | 'REJECT';

export type MessageFieldsFragment = { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null };

export type CitationFieldsFragment = { start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null };

export type ConversationFieldsFragment = { id: string, status: ConversationStatus, answeredBy: Answerer, assignee: string | null };

export type MessagePageFragment = { nodes: Array<{ id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null }>, pageInfo: { hasPreviousPage: boolean, startCursor: string | null } };

export type ConversationQueryVariables = Exact<{
  id: string | number;
  before?: string | null | undefined;
}>;


export type ConversationQuery = { conversation: { id: string, status: ConversationStatus, answeredBy: Answerer, assignee: string | null, messages: { nodes: Array<{ id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null }>, pageInfo: { hasPreviousPage: boolean, startCursor: string | null } } } | null };

export type PassagesQueryVariables = Exact<{
  messageId: string | number;
}>;


export type PassagesQuery = { node:
    | { __typename: 'Account' }
    | { __typename: 'ApiKey' }
    | { __typename: 'Chatbot' }
    | { __typename: 'Conversation' }
    | { __typename: 'Lead' }
    | { __typename: 'Message', citations: Array<{ passage: { id: string, headingPath: Array<string>, text: string } | null }> }
    | { __typename: 'Passage' }
    | { __typename: 'Source' }
    | { __typename: 'WebhookDelivery' }
    | { __typename: 'WebhookSubscription' }
   | null };

export type LeadFormQueryVariables = Exact<{
  chatbotId: string | number;
}>;


export type LeadFormQuery = { chatbot: { leadForm: { title: string, fields: Array<{ name: string, label: string, isRequired: boolean }> } } | null };

export type FollowSubscriptionVariables = Exact<{
  conversationId: string | number;
  after?: string | null | undefined;
}>;


export type FollowSubscription = { conversationEvents:
    | { __typename: 'BranchSelected', cursor: string, message: { id: string } }
    | { __typename: 'CitationAdded', messageId: string, cursor: string, citation: { start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null } }
    | { __typename: 'ConversationDeleted', cursor: string }
    | { __typename: 'FollowUpsSuggested', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'HandoffChanged', cursor: string, conversation: { id: string, status: ConversationStatus, answeredBy: Answerer, assignee: string | null } }
    | { __typename: 'LeadCaptured', cursor: string }
    | { __typename: 'MessageCompleted', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'MessageCreated', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'MessageDelta', messageId: string, offset: number, text: string, cursor: string }
    | { __typename: 'MessageFailed', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'MessageInterrupted', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'MessageStarted', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'MessageStopped', cursor: string, message: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
    | { __typename: 'StreamGap', cursor: string }
    | { __typename: 'TypingChanged', role: TypingRole, isTyping: boolean, cursor: string }
   };

export type SendMutationVariables = Exact<{
  input: SendMessageInput;
}>;


export type SendMutation = { sendMessage:
    | { __typename: 'ChatbotPausedError', code: string, reason: string }
    | { __typename: 'ConversationBusyError', code: string, reason: string }
    | { __typename: 'IdempotencyConflictError', code: string, reason: string }
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'QuotaExceededError', code: string, reason: string }
    | { __typename: 'SendMessagePayload', notice: string | null, conversation: { id: string, status: ConversationStatus, answeredBy: Answerer, assignee: string | null }, userMessage: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null }, reply: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } | null }
   };

export type StopMutationVariables = Exact<{
  messageId: string | number;
}>;


export type StopMutation = { stopMessage:
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'StopMessagePayload', reply: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
   };

export type RateMutationVariables = Exact<{
  messageId: string | number;
  rating: Rating;
}>;


export type RateMutation = { rateMessage:
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'RateMessagePayload', reply: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
   };

export type RegenerateMutationVariables = Exact<{
  messageId: string | number;
}>;


export type RegenerateMutation = { regenerateMessage:
    | { __typename: 'ChatbotPausedError', code: string, reason: string }
    | { __typename: 'ConversationBusyError', code: string, reason: string }
    | { __typename: 'IdempotencyConflictError', code: string, reason: string }
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'QuotaExceededError', code: string, reason: string }
    | { __typename: 'RegenerateMessagePayload', reply: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } }
   };

export type EditMutationVariables = Exact<{
  messageId: string | number;
  content: string;
}>;


export type EditMutation = { editMessage:
    | { __typename: 'ChatbotPausedError', code: string, reason: string }
    | { __typename: 'ConversationBusyError', code: string, reason: string }
    | { __typename: 'EditMessagePayload', notice: string | null, userMessage: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null }, reply: { id: string, role: MessageRole, status: MessageStatus, content: string, rating: Rating | null, createdAt: string, authorName: string | null, isShown: boolean, followUps: Array<string>, parent: { id: string } | null, siblings: Array<{ id: string }>, citations: Array<{ start: number, end: number, title: string, url: string | null, quote: string, passage: { id: string } | null }>, error: { message: string } | null } | null }
    | { __typename: 'IdempotencyConflictError', code: string, reason: string }
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'QuotaExceededError', code: string, reason: string }
   };

export type SelectMutationVariables = Exact<{
  messageId: string | number;
}>;


export type SelectMutation = { selectBranch:
    | { __typename: 'NotFoundError', code: string, reason: string }
    | { __typename: 'SelectBranchPayload', conversation: { id: string } }
   };

export type EscalateMutationVariables = Exact<{
  conversationId: string | number;
}>;


export type EscalateMutation = { escalateConversation:
    | { __typename: 'EscalateConversationPayload', conversation: { id: string, status: ConversationStatus, answeredBy: Answerer, assignee: string | null } }
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
   };

export type CaptureLeadMutationVariables = Exact<{
  input: CaptureLeadInput;
}>;


export type CaptureLeadMutation = { captureLead:
    | { __typename: 'CaptureLeadPayload', lead: { id: string } }
    | { __typename: 'InvalidInputError', code: string, reason: string }
    | { __typename: 'NotFoundError', code: string, reason: string }
   };

export type SetTypingMutationVariables = Exact<{
  conversationId: string | number;
  isTyping: boolean;
}>;


export type SetTypingMutation = { setTyping:
    | { __typename: 'NotFoundError' }
    | { __typename: 'SetTypingPayload' }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const ConversationFieldsFragmentDoc = /*#__PURE__*/ new TypedDocumentString(`
    fragment ConversationFields on Conversation {
  id
  status
  answeredBy
  assignee
}
    `, {"fragmentName":"ConversationFields"}) as unknown as TypedDocumentString<ConversationFieldsFragment, unknown>;
export const CitationFieldsFragmentDoc = /*#__PURE__*/ new TypedDocumentString(`
    fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}
    `, {"fragmentName":"CitationFields"}) as unknown as TypedDocumentString<CitationFieldsFragment, unknown>;
export const MessageFieldsFragmentDoc = /*#__PURE__*/ new TypedDocumentString(`
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
    fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`, {"fragmentName":"MessageFields"}) as unknown as TypedDocumentString<MessageFieldsFragment, unknown>;
export const MessagePageFragmentDoc = /*#__PURE__*/ new TypedDocumentString(`
    fragment MessagePage on ConversationMessagesConnection {
  nodes {
    ...MessageFields
  }
  pageInfo {
    hasPreviousPage
    startCursor
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`, {"fragmentName":"MessagePage"}) as unknown as TypedDocumentString<MessagePageFragment, unknown>;
export const ConversationDocument = /*#__PURE__*/ new TypedDocumentString(`
    query Conversation($id: ID!, $before: String) {
  conversation(id: $id) {
    ...ConversationFields
    messages(last: 50, before: $before) {
      ...MessagePage
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}
fragment ConversationFields on Conversation {
  id
  status
  answeredBy
  assignee
}
fragment MessagePage on ConversationMessagesConnection {
  nodes {
    ...MessageFields
  }
  pageInfo {
    hasPreviousPage
    startCursor
  }
}`) as unknown as TypedDocumentString<ConversationQuery, ConversationQueryVariables>;
export const PassagesDocument = /*#__PURE__*/ new TypedDocumentString(`
    query Passages($messageId: ID!) {
  node(id: $messageId) {
    __typename
    ... on Message {
      citations {
        passage {
          id
          headingPath
          text
        }
      }
    }
  }
}
    `) as unknown as TypedDocumentString<PassagesQuery, PassagesQueryVariables>;
export const LeadFormDocument = /*#__PURE__*/ new TypedDocumentString(`
    query LeadForm($chatbotId: ID!) {
  chatbot(id: $chatbotId) {
    leadForm {
      title
      fields {
        name
        label
        isRequired
      }
    }
  }
}
    `) as unknown as TypedDocumentString<LeadFormQuery, LeadFormQueryVariables>;
export const FollowDocument = /*#__PURE__*/ new TypedDocumentString(`
    subscription Follow($conversationId: ID!, $after: String) {
  conversationEvents(conversationId: $conversationId, after: $after) {
    __typename
    cursor
    ... on MessageCreated {
      message {
        ...MessageFields
      }
    }
    ... on MessageStarted {
      message {
        ...MessageFields
      }
    }
    ... on MessageDelta {
      messageId
      offset
      text
    }
    ... on CitationAdded {
      messageId
      citation {
        ...CitationFields
      }
    }
    ... on MessageCompleted {
      message {
        ...MessageFields
      }
    }
    ... on MessageFailed {
      message {
        ...MessageFields
      }
    }
    ... on MessageStopped {
      message {
        ...MessageFields
      }
    }
    ... on MessageInterrupted {
      message {
        ...MessageFields
      }
    }
    ... on FollowUpsSuggested {
      message {
        ...MessageFields
      }
    }
    ... on HandoffChanged {
      conversation {
        ...ConversationFields
      }
    }
    ... on TypingChanged {
      role
      isTyping
    }
    ... on BranchSelected {
      message {
        id
      }
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}
fragment ConversationFields on Conversation {
  id
  status
  answeredBy
  assignee
}`) as unknown as TypedDocumentString<FollowSubscription, FollowSubscriptionVariables>;
export const SendDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessagePayload {
      conversation {
        ...ConversationFields
      }
      userMessage {
        ...MessageFields
      }
      reply {
        ...MessageFields
      }
      notice
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}
fragment ConversationFields on Conversation {
  id
  status
  answeredBy
  assignee
}`) as unknown as TypedDocumentString<SendMutation, SendMutationVariables>;
export const StopDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Stop($messageId: ID!) {
  stopMessage(input: {messageId: $messageId}) {
    __typename
    ... on StopMessagePayload {
      reply {
        ...MessageFields
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`) as unknown as TypedDocumentString<StopMutation, StopMutationVariables>;
export const RateDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Rate($messageId: ID!, $rating: Rating!) {
  rateMessage(input: {messageId: $messageId, rating: $rating}) {
    __typename
    ... on RateMessagePayload {
      reply {
        ...MessageFields
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`) as unknown as TypedDocumentString<RateMutation, RateMutationVariables>;
export const RegenerateDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Regenerate($messageId: ID!) {
  regenerateMessage(input: {messageId: $messageId, whenBusy: INTERRUPT}) {
    __typename
    ... on RegenerateMessagePayload {
      reply {
        ...MessageFields
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`) as unknown as TypedDocumentString<RegenerateMutation, RegenerateMutationVariables>;
export const EditDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Edit($messageId: ID!, $content: String!) {
  editMessage(
    input: {messageId: $messageId, content: $content, whenBusy: INTERRUPT}
  ) {
    __typename
    ... on EditMessagePayload {
      userMessage {
        ...MessageFields
      }
      reply {
        ...MessageFields
      }
      notice
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment MessageFields on Message {
  id
  role
  status
  content
  rating
  createdAt
  authorName
  isShown
  parent {
    id
  }
  siblings {
    id
  }
  citations {
    ...CitationFields
  }
  followUps
  error {
    message
  }
}
fragment CitationFields on Citation {
  start
  end
  title
  url
  quote
  passage {
    id
  }
}`) as unknown as TypedDocumentString<EditMutation, EditMutationVariables>;
export const SelectDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Select($messageId: ID!) {
  selectBranch(input: {messageId: $messageId}) {
    __typename
    ... on SelectBranchPayload {
      conversation {
        id
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    `) as unknown as TypedDocumentString<SelectMutation, SelectMutationVariables>;
export const EscalateDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation Escalate($conversationId: ID!) {
  escalateConversation(input: {conversationId: $conversationId}) {
    __typename
    ... on EscalateConversationPayload {
      conversation {
        ...ConversationFields
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    fragment ConversationFields on Conversation {
  id
  status
  answeredBy
  assignee
}`) as unknown as TypedDocumentString<EscalateMutation, EscalateMutationVariables>;
export const CaptureLeadDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation CaptureLead($input: CaptureLeadInput!) {
  captureLead(input: $input) {
    __typename
    ... on CaptureLeadPayload {
      lead {
        id
      }
    }
    ... on Error {
      code
      reason: message
    }
  }
}
    `) as unknown as TypedDocumentString<CaptureLeadMutation, CaptureLeadMutationVariables>;
export const SetTypingDocument = /*#__PURE__*/ new TypedDocumentString(`
    mutation SetTyping($conversationId: ID!, $isTyping: Boolean!) {
  setTyping(input: {conversationId: $conversationId, isTyping: $isTyping}) {
    __typename
  }
}
    `) as unknown as TypedDocumentString<SetTypingMutation, SetTypingMutationVariables>;
