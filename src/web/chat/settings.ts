/** What the server tells the page about itself. */
export interface Settings {
  readonly chatbotId: string;
  readonly name: string;
  /** Questions to begin with. */
  readonly examples: readonly string[];
}

/** Reads the settings that the server has written into an element. */
export function readSettings(element: HTMLElement): Settings {
  return JSON.parse(element.dataset.settings ?? '') as Settings;
}
