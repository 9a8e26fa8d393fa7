/** The use of a text: some models embed a stored text and a text to search for differently. */
export type EmbeddingKind = 'passage' | 'query';

/** The texts that a model expects before passages and queries, because it was trained with them. */
type Prefixes = Readonly<Record<EmbeddingKind, string>>;

const INSTRUCTION = { passage: '', query: 'Instruct: Given a question, retrieve passages that answer it\nQuery: ' };
const SENTENCE = { passage: '', query: 'Represent this sentence for searching relevant passages: ' };

/**
 * Models that expect prefixes, by parts of their names: the first whose parts all occur applies. Other models, such as
 * those of OpenAI, receive the texts alone. Source: the model cards of intfloat/e5 and multilingual-e5,
 * nomic-ai/nomic-embed-text, google/embeddinggemma, Qwen/Qwen3-Embedding, BAAI/bge, mixedbread-ai/mxbai-embed-large and
 * Snowflake/snowflake-arctic-embed.
 */
const MODELS: readonly (readonly [nameParts: readonly string[], prefixes: Prefixes])[] = [
  [['qwen3-embedding'], INSTRUCTION],
  [['e5-', '-instruct'], INSTRUCTION],
  [['e5-'], { passage: 'passage: ', query: 'query: ' }],
  [['nomic-embed-text'], { passage: 'search_document: ', query: 'search_query: ' }],
  [['embeddinggemma'], { passage: 'title: none | text: ', query: 'task: search result | query: ' }],
  [['snowflake-arctic-embed', 'v2'], { passage: '', query: 'query: ' }],
  [['snowflake-arctic-embed2'], { passage: '', query: 'query: ' }],
  [['snowflake-arctic-embed'], SENTENCE],
  [['mxbai-embed-large'], SENTENCE],
  [['bge-', '-en'], SENTENCE],
];

const NONE: Prefixes = { passage: '', query: '' };

/** Finds the prefixes of a model by its name, whoever serves it: `intfloat/e5-small-v2`, `nomic-embed-text:latest`. */
export function findPrefixes(model: string): Prefixes {
  const name = model.toLowerCase();
  return MODELS.find(([nameParts]) => nameParts.every((part) => name.includes(part)))?.[1] ?? NONE;
}
