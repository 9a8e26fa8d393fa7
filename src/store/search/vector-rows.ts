/** The vector of a passage, quantized: see `vectors.ts`. */
export interface PassageVectorRow {
  passage_id: string;
  account_id: string;
  chatbot_id: string;
  /** The name of the model. */
  model: string;
  /** The length of the vector. */
  dimensions: number;
  /** The Euclidean norm of the stored numbers. */
  norm: number;
  /** A signed byte for each number. */
  vector: Uint8Array;
}
