import type { Timestamp } from '../../domain/time.ts';

/** A row of operation_manifests: one version of a manifest. */
export interface OperationManifestRow {
  id: string;
  account_id: string;
  name: string;
  version: number;
  created_at: Timestamp;
  retires_at: Timestamp | null;
}

/** A row of operations: a document of a manifest. Only `last_used_at` ever changes. */
export interface OperationRow {
  id: string;
  account_id: string;
  manifest_id: string;
  document_id: string;
  /** The SHA-256 of the document, in hexadecimal digits. */
  hash: string;
  name: string | null;
  document: string;
  cost: number;
  is_tool: 0 | 1;
  last_used_at: Timestamp | null;
}
