import { randomUUID } from 'node:crypto';

/** This process as a member of the cluster of gateways that share the database. */
export interface GatewayNode {
  /** The node's id, which the rows of its replies contain. A node whose lease has expired gets a new id. */
  id: string;
  /** The ids of replies whose end the node could not store; the reply watcher recovers these replies. */
  abandonedReplyIds: Set<string>;
}

/** Creates the node of this process. `joinCluster` adds it to the cluster. */
export function createNode(): GatewayNode {
  return { id: randomUUID(), abandonedReplyIds: new Set() };
}
