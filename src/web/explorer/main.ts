import { createFetcher } from './fetcher.ts';
import { followLink } from './link.ts';
import { createPaneSwitch, type Editor, fillReplyIds, paneOf, type Tabs } from './tour.ts';

/** The settings that the server writes into the page. */
interface Settings {
  readonly options: { readonly defaultTabs: Tabs['tabs'] };
  /** The paths of the editor's worker scripts, by worker name. */
  readonly workers: Readonly<Record<string, string>>;
}

/** Defined by `graphiql.js`, which the page loads first. */
declare const YogaGraphiQL: { renderYogaGraphiQL(root: HTMLElement, options: object): void };
declare const MonacoEnvironment: object;
declare const monaco: { readonly editor: Editor };

/** The name under which GraphiQL stores the tabs of earlier visits. */
const TABS_STORAGE_KEY = 'graphiql:tabState';

const root = document.getElementById('root');
if (root !== null) await render(root);

async function render(root: HTMLElement): Promise<void> {
  const { options, workers } = JSON.parse(root.dataset.settings ?? '') as Settings;
  Object.assign(MonacoEnvironment, { getWorkerUrl: (_module: string, name: string) => workers[name] });
  // The browser does not load the page again if only the part after `#` differs.
  addEventListener('hashchange', () => followLink(sessionStorage));
  await followLink(sessionStorage);
  const tabs = readStoredTabs() ?? { tabs: options.defaultTabs, activeTabIndex: 0 };
  let onResult: ((result: unknown) => void) | undefined;
  YogaGraphiQL.renderYogaGraphiQL(root, {
    ...options,
    defaultEditorToolsVisibility: paneOf(tabs),
    onTabChange: createPaneSwitch(tabs.activeTabIndex),
    fetcher: createFetcher(sessionStorage, (result) => onResult?.(result)),
  });
  onResult = fillReplyIds(monaco.editor);
}

/** The tabs of an earlier visit; undefined at the first one. */
function readStoredTabs(): Tabs | undefined {
  try {
    return (JSON.parse(localStorage.getItem(TABS_STORAGE_KEY) ?? 'null') as Tabs | null) ?? undefined;
  } catch {
    return undefined;
  }
}
