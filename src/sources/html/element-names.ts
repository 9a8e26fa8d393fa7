const split = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** The elements of HTML whose content is not part of a page's text. */
export const HIDDEN_ELEMENTS = split(
  'nav style script template noscript svg iframe object embed canvas audio video map dialog button select datalist head',
);

/** The elements of HTML that stand alone or may be left open. */
export const OPEN_ELEMENTS = split(
  'area base br col embed hr img input link meta source track wbr p li dt dd tr td th thead tbody tfoot option',
);

/** The elements of HTML that start a new paragraph. */
export const BLOCK_ELEMENTS = split(
  'address article aside blockquote body center details dialog div dl dt dd fieldset figcaption figure footer form header hgroup hr html legend li main menu ol p pre search section summary table tr ul',
);

/** Other elements of HTML that text contains. */
const INLINE_ELEMENTS = split(
  'a abbr acronym b bdi bdo big cite code data del dfn em font h1 h2 h3 h4 h5 h6 i ins kbd label mark meter nobr output picture q s samp small span strike strong sub sup textarea time title tt u var ruby rt rp caption colgroup',
);

/** The elements of Markdown pages that are read as HTML, with all that they contain. */
export const HTML_BLOCKS = split('table ul ol dl pre h1 h2 h3 h4 h5 h6');

/** The elements whose content is inline code. */
export const CODE_ELEMENTS = split('code kbd samp tt');

/** Components that show one of several contents, or hide theirs until a reader opens it: their title is a heading. */
const SECTION_COMPONENT = /^(?:accordion|tab|expand|collaps|disclosure|details|faq|question|toggle|step|panel)/i;
/** Components that list the fields of an interface. */
const FIELD_COMPONENT = /(?:field|property|param|prop)$/i;

/** The attributes of components that a reader sees as their title; the first one that is present counts. */
const TITLE_ATTRIBUTES = ['title', 'label', 'heading', 'header', 'summary', 'question', 'caption'];
const FIELD_NAME_ATTRIBUTES = ['name', 'path', 'query', 'body', 'header', 'attribute'];

/** Whether HTML defines an element with this name, in lower case. */
export function isHtmlElement(name: string): boolean {
  return [HIDDEN_ELEMENTS, OPEN_ELEMENTS, BLOCK_ELEMENTS, INLINE_ELEMENTS, CODE_ELEMENTS].some((set) => set.has(name));
}

/** Whether a name is that of a JSX component, such as `Card` or `Tabs.Item`. */
export function isComponent(name: string): boolean {
  return /^[A-Z]/.test(name) || name.includes('.');
}

/** Whether the title of a component is the heading of its content. */
export function isSectionComponent(name: string): boolean {
  return SECTION_COMPONENT.test(name.slice(name.lastIndexOf('.') + 1));
}

/** Returns what a component shows of its attributes; '' if nothing. */
export function titleOf(name: string, attributes: ReadonlyMap<string, string>): string {
  const find = (names: readonly string[]) => names.map((key) => attributes.get(key)?.trim()).find(Boolean) ?? '';
  if (!FIELD_COMPONENT.test(name)) return find(TITLE_ATTRIBUTES);
  const field = find(FIELD_NAME_ATTRIBUTES);
  const details = [attributes.get('type'), attributes.has('required') && 'required'].filter(Boolean).join(', ');
  return details === '' ? field : `${field} (${details})`;
}

/** Returns what a component shows below its title; '' if nothing. */
export function descriptionOf(attributes: ReadonlyMap<string, string>): string {
  return (attributes.get('description') ?? attributes.get('answer') ?? '').trim();
}
