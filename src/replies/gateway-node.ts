import { randomUUID } from 'node:crypto';

/** This process as a member of the cluster of gateways that share the database. */
export interface GatewayNode {
  /** The id in the rows of its replies. It changes when the lease of the node has expired. */
  id: string;
  /** The ids of replies whose end the node could not store; the reply watcher recovers them. */
  abandoned: Set<string>;
}

/** Creates the node of this process. `joinCluster` adds it to the cluster. */
export function createNode(): GatewayNode {
  return { id: randomUUID(), abandoned: new Set() };
}
