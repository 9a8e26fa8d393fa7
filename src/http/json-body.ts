import type { Plugin } from 'graphql-yoga';
import { MalformedBodyError } from '../domain/errors.ts';
import { readJson } from '../rest/body.ts';

/** Reads the bodies of GraphQL requests as those of REST are read: JSON and nothing else, bounded, in valid UTF-8. */
export function useJsonBody(): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method !== 'POST') return;
      setRequestParser(async () => {
        const params = await readJson(request);
        // Neither a list (a batch) nor anything else that names no query.
        if (typeof params !== 'object' || params === null || Array.isArray(params)) throw new MalformedBodyError();
        return params;
      });
    },
  };
}
