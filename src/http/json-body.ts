import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { readJson } from '../dialects/rest/body.ts';
import { ERRORS, MalformedBodyError } from '../domain/errors.ts';

/**
 * Reads the bodies of GraphQL requests as those of REST are read: JSON and nothing else, bounded, in valid UTF-8. What
 * an address holds is read by the framework, which would take JSON that is none for an error of ours.
 */
export function useJsonBody(): Plugin {
  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      if (request.method === 'GET' && requestParser !== undefined) {
        setRequestParser(async (asked) => {
          try {
            return await requestParser(asked);
          } catch (error) {
            if (!(error instanceof SyntaxError)) throw error;
            // Whatever the client accepts, as for a body of the wrong shape.
            const extensions = { code: 'BAD_USER_INPUT', http: { status: ERRORS.BAD_USER_INPUT.status } };
            throw new GraphQLError('`variables` and `extensions` must be JSON.', { extensions });
          }
        });
      }
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
