import type { GraphiQLOptions } from 'graphql-yoga';
import { DEMO_CHATBOT_ID } from '../../demo.ts';

// The gateway treats an empty key as absent, so GraphiQL can load the documentation before the user enters a key.
const HEADERS = '{\n  "x-api-key": ""\n}';

const LIST_QUERY = `# Welcome to ChatGraph! These tabs tour the graph.
#
# Press play. If you did not open the link that the
# gateway prints when it starts, first put an API
# key between the quotes of "x-api-key" under
# Headers, below; it applies to all tabs.
query Chatbots {
  viewer {
    account { name }
    rateLimit { remaining }
  }
  chatbots(first: 10) {
    nodes {
      id
      name
      slug
      sources(first: 5) {
        nodes { title status }
      }
      conversations(first: 3) {
        nodes { lastMessage { role content } }
      }
    }
  }
}
`;

const ADD_MUTATION = `# Give the chatbot a document of your own: plain
# text or Markdown, as "text" under Variables. Then
# ask about it in the next tab.
mutation AddSource($input: CreateSourceInput!) {
  createSource(input: $input) {
    ... on CreateSourcePayload {
      source {
        id
        title
        status
        passages(first: 3) {
          nodes { headingPath text }
        }
      }
    }
    ... on Error { code message }
  }
}
`;

const ASK_MUTATION = `# Ask a question. It is answered in the background:
# the next tab follows the answer.
mutation Ask($input: SendMessageInput!) {
  sendMessage(input: $input) {
    ... on SendMessagePayload {
      reply { id status }
      conversation { id sessionId }
    }
    ... on Error { code message }
  }
}
`;

const FOLLOW_SUBSCRIPTION = `# Follow the answer while it is written. Run Ask
# first: it fills in the id of the reply, under
# Variables. The stream starts at the beginning of
# the text, even if the answer is already complete.
subscription Follow($messageId: ID!) {
  messageStream(messageId: $messageId) {
    __typename
    cursor
    ... on MessageDelta { content }
    ... on CitationAdded { citation { title quote } }
    ... on MessageCompleted {
      message {
        content
        citations { title quote start end }
      }
    }
    ... on MessageFailed {
      message { error { code message } }
    }
  }
}
`;

const SEARCH_QUERY = `# Search the sources without asking a question.
query Search($chatbotId: ID!, $query: String!) {
  search(chatbotId: $chatbotId, query: $query, first: 3) {
    hits {
      score
      passage {
        headingPath
        text
        source { title }
      }
    }
  }
}
`;

const WEBHOOK_QUERY = `# See what a webhook would send for an event.
# Documents have a schema of their own, which is at
# /graphql/webhooks.graphql.
query WebhookBody($document: String) {
  dryRunWebhook(document: $document, sample: LEAD_CAPTURED) {
    payload
    payloadProblem
  }
}
`;

const QUESTION = 'How do I follow an answer while it is written?';

/** The options of the GraphiQL page, whose initial tabs are a tour of the schema. */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'ChatGraph',
  // Keeps the key only in the window; otherwise GraphiQL would store it permanently.
  shouldPersistHeaders: false,
  defaultHeaders: HEADERS,
  defaultTabs: [
    tab(LIST_QUERY),
    tab(ADD_MUTATION, {
      input: {
        chatbotId: DEMO_CHATBOT_ID,
        title: 'Opening hours',
        content: { text: '# Opening hours\n\nThe shop is open from 9 to 18 on weekdays.' },
      },
    }),
    tab(ASK_MUTATION, { input: { chatbotId: DEMO_CHATBOT_ID, content: QUESTION } }),
    tab(FOLLOW_SUBSCRIPTION, { messageId: '' }),
    tab(SEARCH_QUERY, { chatbotId: DEMO_CHATBOT_ID, query: QUESTION }),
    tab(WEBHOOK_QUERY, { document: 'subscription { event { type at data } }' }),
  ],
};

function tab(query: string, variables?: object) {
  return { query, headers: HEADERS, variables: variables ? JSON.stringify(variables, null, 2) : null };
}
