// Made by `npm run codegen` from operations.graphql.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** The party that answers the visitor of a conversation. */
export type Answerer =
  /** The chatbot answers. */
  | 'AI'
  /** A person answers; the chatbot is silent. */
  | 'PERSON';

/** The contact details of a visitor. The required fields of the `leadForm` and at least one value must be given. */
export type CaptureLeadInput = {
  /** The id of the conversation. */
  conversationId: string | number;
  /** The values of all other form fields by name, and any further data; an object of at most 16 kB. */
  customData?: unknown;
  /** The email address. */
  email?: string | null | undefined;
  /** The name; 1 to 255 characters. */
  name?: string | null | undefined;
  /** The phone number. */
  phone?: string | null | undefined;
};

/** The status of a conversation. */
export type ConversationStatus =
  /** A closed conversation. The next message of the visitor or of a person makes it OPEN. */
  | 'CLOSED'
  /** An open conversation for which a person was requested. */
  | 'ESCALATED'
  /** An open conversation. */
  | 'OPEN';

/** The author of a message. */
export type MessageRole =
  /** A person who answers instead of the chatbot. */
  | 'AGENT'
  /** The chatbot. */
  | 'ASSISTANT'
  /** The gateway itself. */
  | 'SYSTEM'
  /** A visitor. */
  | 'USER';

/** The state of a message. The last four are final. */
export type MessageStatus =
  /** A complete message. */
  | 'COMPLETED'
  /** A reply that failed, see `error`. It keeps the text written so far. */
  | 'FAILED'
  /** A reply that was being written when its gateway ended. It keeps the text saved so far. */
  | 'INTERRUPTED'
  /** A reply that waits for earlier replies of its conversation. */
  | 'QUEUED'
  /** A reply that was stopped on request. It keeps the text written so far. */
  | 'STOPPED'
  /** A reply that is being written now. */
  | 'STREAMING';

/** The visitor's rating of a reply. */
export type Rating =
  /** An unhelpful reply. */
  | 'DOWN'
  /** A helpful reply. */
  | 'UP';

/** A visitor's message. Exactly one of `chatbotId` and `conversationId` is required. */
export type SendMessageInput = {
  /** The chatbot: the message goes to the conversation named by `sessionId`, which is created if it does not exist. */
  chatbotId?: string | number | null | undefined;
  /** An idempotency key of 1 to 255 characters. A repeated request with the same key within 24 hours returns the first result and stores nothing. */
  clientMessageId?: string | null | undefined;
  /** The text: 1 to `MAX_MESSAGE_CHARS` characters (8,000 by default) after trimming, without NUL. */
  content: string;
  /** The conversation that the message continues. */
  conversationId?: string | number | null | undefined;
  /** Custom data, an object of at most 16 kB, stored with the message and with a conversation that it starts. */
  metadata?: unknown;
  /** The name of a conversation of the chatbot, 1 to 255 characters; if absent, a new conversation starts. Only with `chatbotId`. */
  sessionId?: string | null | undefined;
  /** The behaviour while the conversation has an unfinished reply. */
  whenBusy?: WhenBusy | null | undefined;
};

/** A party whose typing is shown. */
export type TypingRole =
  /** A person who answers instead of the chatbot. */
  | 'AGENT'
  /** The visitor of the conversation. */
  | 'USER';

/** The effect of a message on a conversation with an unfinished reply. */
export type WhenBusy =
  /** The new reply waits until earlier replies have ended. */
  | 'ENQUEUE'
  /** The new reply is next. The streaming reply is stopped and keeps its text; waiting replies are stopped before they begin. */
  | 'INTERRUPT'
  /** The message is refused with `ConversationBusyError`. */
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
