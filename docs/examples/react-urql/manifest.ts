import { createHash } from 'node:crypto';
import { formatDocument, stringifyDocument } from 'urql';
import { EventsDocument, MessagesDocument, SendDocument } from './documents.ts';

// The operations as urql sends them: `node manifest.ts > operations.json`. Only queries and mutations get `__typename`.
const documents = [formatDocument(SendDocument), formatDocument(MessagesDocument), EventsDocument];
const texts = documents.map(stringifyDocument);
const entries = texts.map((text) => [createHash('sha256').update(text).digest('hex'), text]);
process.stdout.write(JSON.stringify(Object.fromEntries(entries), null, 2));
