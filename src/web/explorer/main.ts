import { createFetcher } from './fetcher.ts';

/** The settings that the server writes into the page. */
interface Settings {
  readonly options: object;
  /** The paths of the editor's worker scripts, by worker name. */
  readonly workers: Readonly<Record<string, string>>;
}

/** Defined by `graphiql.js`, which the page loads first. */
declare const YogaGraphiQL: { renderYogaGraphiQL(root: HTMLElement, options: object): void };

const root = document.getElementById('root');
if (root !== null) {
  const { options, workers } = JSON.parse(root.dataset.settings ?? '') as Settings;
  Object.assign(globalThis, {
    MonacoEnvironment: { globalAPI: false, getWorkerUrl: (_module: string, name: string) => workers[name] },
  });
  YogaGraphiQL.renderYogaGraphiQL(root, { ...options, fetcher: createFetcher(sessionStorage) });
}
