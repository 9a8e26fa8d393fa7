import { randomUUID } from 'node:crypto';

/** This process among those that share the database, as the writer of answers. */
export interface GatewayNode {
  /** What its answers are marked with; it gets a new one when the others have taken it for dead. */
  id: string;
  /** The ids of replies whose end it has given up to store: whoever watches has them recovered. */
  abandoned: Set<string>;
}

/** Makes the node of this process, which has yet to join. */
export function createNode(): GatewayNode {
  return { id: randomUUID(), abandoned: new Set() };
}
