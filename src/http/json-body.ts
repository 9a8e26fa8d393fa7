import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { readJson } from '../dialects/rest/body.ts';
import { ERRORS, MalformedBodyError } from '../domain/errors.ts';

/**
 * Reads the bodies of GraphQL requests with the rules of REST: only JSON, bounded, in valid UTF-8. Also reports invalid
 * JSON in query parameters as a client error; the framework would report it as an internal error.
 */
export function useJsonBody(): Plugin {
  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      if (request.method === 'GET' && requestParser !== undefined) {
        setRequestParser(async (incoming) => {
          try {
            return await requestParser(incoming);
          } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
            // The status applies to every client, as for a malformed body.
            const extensions = { code: 'BAD_USER_INPUT', http: { status: ERRORS.BAD_USER_INPUT.status } };
            throw new GraphQLError('`variables` and `extensions` must be JSON.', { extensions });
          }
        });
      }
      if (request.method !== 'POST') return;
      setRequestParser(async () => {
        const params = await readJson(request);
        // Refuses lists (batches) and everything else that is not an object.
        if (typeof params !== 'object' || params === null || Array.isArray(params)) throw new MalformedBodyError();
        return params;
      });
    },
  };
}
