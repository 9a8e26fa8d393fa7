import type { GraphiQLOptions } from 'graphql-yoga';
import { DEMO_CHATBOT_ID } from '../demo.ts';

// Empty counts as absent, so the documentation loads before a key is put in.
const HEADERS = '{\n  "x-api-key": ""\n}';

const LIST = `# Welcome to ChatGraph. Put your API key into "x-api-key" under Headers, below, then press play.
# These tabs tour the graph: list chatbots, add a source, ask, follow the answer, search.
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
      sources(first: 5) { nodes { title status } }
      conversations(first: 3) { nodes { sessionId lastMessage { role content } } }
    }
  }
}
`;

const ADD = `# Give a chatbot something to read: paste Markdown or plain text as "text", under Variables.
mutation AddSource($input: CreateSourceInput!) {
  createSource(input: $input) {
    __typename
    ... on CreateSourcePayload {
      source { id title status passages(first: 3) { nodes { headingPath text } } }
    }
    ... on Error { code message }
  }
}
`;

const ASK = `# Ask a question. The mutation returns at once; copy the id of "reply" into the next tab.
mutation Ask($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessagePayload {
      conversation { id sessionId }
      reply { id status }
    }
    ... on Error { code message }
  }
}
`;

const FOLLOW = `# Follow the answer: paste the reply's id under Variables. Late is fine, it is told from the beginning.
subscription Follow($messageId: ID!) {
  messageStream(messageId: $messageId) {
    __typename
    cursor
    ... on MessageDelta { content }
    ... on CitationAdded { citation { title quote } }
    ... on MessageCompleted {
      message { content citations { title quote start end passage { headingPath } } }
    }
  }
}
`;

const SEARCH = `# Look into the sources without asking for an answer.
query Search($chatbotId: ID!, $query: String!) {
  search(chatbotId: $chatbotId, query: $query, first: 3) {
    score
    passage { headingPath text source { title } }
  }
}
`;

const QUESTION = 'How do I follow an answer?';

/** The page for exploring: it works without the internet, and opens on tabs that tour the schema. */
export const graphiqlOptions: GraphiQLOptions = {
  title: 'ChatGraph',
  subscriptionsProtocol: 'WS',
  shouldPersistHeaders: true,
  defaultHeaders: HEADERS,
  defaultTabs: [
    tab(LIST),
    tab(ADD, {
      input: {
        chatbotId: DEMO_CHATBOT_ID,
        title: 'Opening hours',
        content: { text: '# Opening hours\n\nThe shop is open from 9 to 18 on weekdays.' },
      },
    }),
    tab(ASK, { input: { chatbotId: DEMO_CHATBOT_ID, content: QUESTION } }),
    tab(FOLLOW, { messageId: '' }),
    tab(SEARCH, { chatbotId: DEMO_CHATBOT_ID, query: QUESTION }),
  ],
};

function tab(query: string, variables?: object) {
  return { query, headers: HEADERS, variables: variables ? JSON.stringify(variables, null, 2) : null };
}
