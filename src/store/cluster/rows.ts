/** A row of nodes: the gateways that generate replies. */
export interface NodeRow {
  id: string;
  /** How many heartbeats the node has sent. */
  beat: number;
}

/** A task that only one gateway at a time runs. The claim ends with the gateway: its node is then no longer listed. */
export interface TaskClaimRow {
  task: string;
  node_id: string;
}
