/** A tab of GraphiQL. */
interface Tab {
  readonly variables?: string | null;
}

/** All tabs of GraphiQL, as it stores them and passes them to `onTabChange`. */
export interface Tabs {
  readonly tabs: readonly Tab[];
  readonly activeTabIndex: number;
}

/** A text in one of GraphiQL's editors. */
interface TextModel {
  readonly uri: { readonly path: string };
  getValue(): string;
  setValue(text: string): void;
  onDidChangeContent(listener: () => void): unknown;
}

/** The part of the editor that the tour uses. */
export interface Editor {
  getModels(): readonly TextModel[];
  onDidCreateModel(listener: (model: TextModel) => void): unknown;
}

/** A field of a mutation that may have started a reply. */
interface Payload {
  readonly reply?: { readonly id?: string } | null;
}

/** The lower panes of GraphiQL, by the names of their buttons. */
type Pane = 'variables' | 'headers';

/** The pane that the text of a tab is about: the variables, or the headers if it has no variables. */
export function paneOf({ tabs, activeTabIndex }: Tabs): Pane {
  return tabs[activeTabIndex]?.variables ? 'variables' : 'headers';
}

/** Creates a listener for `onTabChange` that shows the pane of a tab when the user opens it. */
export function createPaneSwitch(initialTabIndex: number): (tabs: Tabs) => void {
  let openTabIndex = initialTabIndex;
  return (tabs) => {
    if (tabs.activeTabIndex === openTabIndex) return;
    openTabIndex = tabs.activeTabIndex;
    // GraphiQL calls the listener before it has changed its state.
    queueMicrotask(() => document.querySelector<HTMLElement>(`button[data-name="${paneOf(tabs)}"]`)?.click());
  };
}

/**
 * Writes the id of each new reply into the variables of the next tab that follows a reply, so that the user need not
 * copy it. Each id is written once: what the user types after that stays.
 * @returns a listener for the results of operations.
 */
export function fillReplyIds(editor: Editor): (result: unknown) => void {
  let newReplyId: string | undefined;
  const textOf = (name: string) => editor.getModels().find(({ uri }) => uri.path.endsWith(name));

  function fill(): void {
    const variables = textOf('variables.json');
    if (newReplyId === undefined || variables === undefined) return;
    if (!textOf('operation.graphql')?.getValue().includes('messageStream(messageId: $messageId')) return;
    const replyId = newReplyId;
    newReplyId = undefined;
    variables.setValue(JSON.stringify({ ...parseObject(variables.getValue()), messageId: replyId }, null, 2));
  }

  // Afterwards, because GraphiQL changes its editors one after the other when the user opens a tab.
  editor.onDidCreateModel((model) => model.onDidChangeContent(() => queueMicrotask(fill)));
  return (result) => {
    newReplyId = replyIdIn(result) ?? newReplyId;
    fill();
  };
}

/** The id of the reply that a mutation such as `sendMessage` has started; undefined for other results. */
function replyIdIn(result: unknown): string | undefined {
  const { data } = (result ?? {}) as { data?: Readonly<Record<string, Payload | null>> | null };
  const payload = Object.values(data ?? {}).find((value) => typeof value?.reply?.id === 'string');
  return payload?.reply?.id;
}

/** The object that a text contains as JSON; empty if it contains none. */
function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
