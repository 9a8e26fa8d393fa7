import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { RestEnv } from './context.ts';
import { CodedError, sendError } from './errors.ts';

/** The methods of routes, in the order of `Allow`. Every route of GET also handles HEAD. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Refuses the methods that no route handles, on the paths of the routes. To be called after all routes are added. */
export function refuseOtherMethods(app: OpenAPIHono<RestEnv>): void {
  const paths = new Set(app.routes.filter(isEndpoint).map(({ path }) => path));
  for (const path of paths) {
    const methods = app.routes.filter((route) => isEndpoint(route) && route.path === path).map(({ method }) => method);
    const allow = METHODS.filter((method) => methods.includes(toRouted(method))).join(', ');
    app.all(path, (c: Context) => {
      c.header('Allow', allow);
      return sendError(c, new CodedError('METHOD_NOT_ALLOWED'));
    });
  }
}

/** Lists the methods that the routes of a path handle: none if the path does not exist. */
export function listMethods(app: OpenAPIHono<RestEnv>, path: string): readonly string[] {
  const routedPath = app.getPath(new Request(new URL(path, 'http://gateway')));
  return METHODS.filter((method) => {
    const [handlers] = app.router.match(toRouted(method), routedPath);
    return handlers.some(([[, route]]) => isEndpoint(route));
  });
}

const toRouted = (method: string): string => (method === 'HEAD' ? 'GET' : method);

/** Returns whether a route is an endpoint, and neither a middleware nor a refusal. */
const isEndpoint = ({ method }: { method: string }): boolean => method !== 'ALL';
