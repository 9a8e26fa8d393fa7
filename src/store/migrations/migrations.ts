import type { Migration } from 'kysely/migration';
import { createFirstTables } from './0001-first.ts';
import { createEventTables } from './0002-conversation-events.ts';
import { addBranches } from './0003-branches.ts';
import { addPeople } from './0004-people.ts';
import { createNodes } from './0005-nodes.ts';
import { addModels } from './0006-models.ts';
import { addMetering } from './0007-metering.ts';
import { addWebhooks } from './0008-webhooks.ts';
import { addChatbotRemoval } from './0009-chatbot-removal.ts';
import { addEventIdsAndSecrets } from './0010-positions.ts';
import { addAttempts } from './0011-attempts.ts';
import { addUncleanEnds } from './0012-unclean-ends.ts';
import { adoptPublicNames } from './0013-public-names.ts';
import { addAccountLogs } from './0014-account-logs.ts';
import { addActivities } from './0015-activities.ts';
import { addListColumns } from './0016-lists-for-people.ts';
import { addReplacementsAndChanges } from './0017-versions-and-notes.ts';
import { explainReplies } from './0018-replies.ts';
import { rewriteWebhookDocuments } from './0019-webhook-documents.ts';
import { addRatingCommentsAndLeadOrder } from './0021-lookups.ts';
import { addMessageIndex } from './0022-message-index.ts';
import { addListIndexes } from './0023-ordered-lists.ts';
import { addInboxCounts } from './0024-inbox-counts.ts';
import { addReadMarks } from './0025-read-marks.ts';
import { addWaitingAssigned } from './0026-waiting-assigned.ts';
import { replaceSearchIndex } from './0027-search-index.ts';
import { addPassageVectors } from './0028-passage-vectors.ts';
import { addVisitors } from './0029-visitors.ts';
import { addOperations } from './0030-operations.ts';
import { addMembers } from './0031-members.ts';
import { addLimits } from './0032-limits.ts';

/** All migrations, in order. A released migration never changes. Each runs in a transaction, on both engines. */
export const migrations: Record<string, Migration> = {
  '0001-first': { up: createFirstTables },
  '0002-conversation-events': { up: createEventTables },
  '0003-branches': { up: addBranches },
  '0004-people': { up: addPeople },
  '0005-nodes': { up: createNodes },
  '0006-models': { up: addModels },
  '0007-metering': { up: addMetering },
  '0008-webhooks': { up: addWebhooks },
  '0009-chatbot-removal': { up: addChatbotRemoval },
  '0010-positions': { up: addEventIdsAndSecrets },
  '0011-attempts': { up: addAttempts },
  '0012-unclean-ends': { up: addUncleanEnds },
  '0013-public-names': { up: adoptPublicNames },
  '0014-account-logs': { up: addAccountLogs },
  '0015-activities': { up: addActivities },
  '0016-lists-for-people': { up: addListColumns },
  '0017-versions-and-notes': { up: addReplacementsAndChanges },
  '0018-replies': { up: explainReplies },
  '0019-webhook-documents': { up: rewriteWebhookDocuments },
  '0021-lookups': { up: addRatingCommentsAndLeadOrder },
  '0022-message-index': { up: addMessageIndex },
  '0023-ordered-lists': { up: addListIndexes },
  '0024-inbox-counts': { up: addInboxCounts },
  '0025-read-marks': { up: addReadMarks },
  '0026-waiting-assigned': { up: addWaitingAssigned },
  '0027-search-index': { up: replaceSearchIndex },
  '0028-passage-vectors': { up: addPassageVectors },
  '0029-visitors': { up: addVisitors },
  '0030-operations': { up: addOperations },
  '0031-members': { up: addMembers },
  '0032-limits': { up: addLimits },
};
