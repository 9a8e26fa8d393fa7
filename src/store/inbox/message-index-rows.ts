/** The words of a message, in which people search; a message without text has no row. */
export interface MessageWordsRow {
  message_id: string;
  account_id: string;
  conversation_id: string;
  is_private: 0 | 1;
  /** The distinct words, each between two spaces. */
  words: string;
}

/** The progress of work on many rows, which continues after a restart. */
export interface TaskProgressRow {
  task: string;
  /** The id of the last row that is done. */
  position: string;
}
