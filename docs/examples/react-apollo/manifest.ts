import { createHash } from 'node:crypto';
import { InMemoryCache } from '@apollo/client';
import { print } from 'graphql';
import { EventsDocument, MessagesDocument, SendDocument } from './documents.ts';

// The operations as Apollo Client sends them: `node manifest.ts > operations.json`.
const cache = new InMemoryCache();
const texts = [SendDocument, MessagesDocument, EventsDocument].map((document) =>
  print(cache.transformDocument(document)),
);
const entries = texts.map((text) => [createHash('sha256').update(text).digest('hex'), text]);
process.stdout.write(JSON.stringify(Object.fromEntries(entries), null, 2));
