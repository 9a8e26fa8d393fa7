/** A tag, a comment or an expression in a text. Offsets are in UTF-16 units, the end is exclusive. */
export interface Tag {
  /**
   * `empty` is a tag that ends in `/>`, `skipped` is a comment, a declaration, or a script or style with its content,
   * and `expression` is a JSX expression in braces.
   */
  readonly kind: 'open' | 'close' | 'empty' | 'skipped' | 'expression';
  /** The name as written; '' for `skipped`, `expression` and fragments (`<>`). */
  readonly name: string;
  /** By name in lower case. An attribute without a value has the value '', and so has an expression that is no string. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Whether an attribute has a value. It tells a tag from a placeholder such as `<your name>`. */
  readonly hasValues: boolean;
  readonly start: number;
  readonly end: number;
}

/** The elements whose content is never text. */
const RAW_ELEMENTS: ReadonlySet<string> = new Set(['script', 'style']);

const NAME = /<(\/?)([A-Za-z][\w.:-]*)/y;
const FRAGMENT = /<\/?>/y;
const ATTRIBUTE_NAME = /[^\s"'<>/={}]+/y;
const UNQUOTED_VALUE = /[^\s"'=<>`]+/y;
const SPACE = /\s*/y;

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** In UTF-16 units. A longer tag or expression is text. */
const MAX_TAG_LENGTH = 20_000;

/**
 * How often the characters of a text may be read on average, in attempts to read a tag that fail. Real texts need less
 * than one. In a hostile text, what looks like a tag after that is text.
 */
const MAX_FAILED_READS = 8;

/** A position in a text that moves forward as the text is read. */
interface Reader {
  readonly text: string;
  position: number;
}

/** Finds the tags of HTML or JSX in a text, in order. With `hasExpressions`, also JSX expressions. Takes linear time. */
export function findTags(text: string, { hasExpressions = false } = {}): Tag[] {
  const tags: Tag[] = [];
  const starts = hasExpressions ? /[<{]/g : /</g;
  /** The raw elements that are not closed in the rest of the text. */
  const unclosed = new Set<string>();
  let budget = MAX_FAILED_READS * text.length;
  for (let match = starts.exec(text); match !== null && budget > 0; match = starts.exec(text)) {
    const start = match.index;
    const reader = { text, position: start };
    if (text[start - 1] === '\\') continue;
    const tag = match[0] === '{' ? readExpression(reader) : readTag(reader);
    if (tag === undefined) {
      budget -= reader.position - start;
      continue;
    }
    const whole = skipRawElement(text, tag, unclosed);
    tags.push(whole);
    starts.lastIndex = whole.end;
  }
  return tags;
}

/**
 * Maps the index of each opening tag that is closed to the index of its closing tag. Names are compared in lower case.
 */
export function matchTags(tags: readonly Tag[]): Map<number, number> {
  const openByName = new Map<string, number[]>();
  const closings = new Map<number, number>();
  for (const [index, { kind, name }] of tags.entries()) {
    const key = name.toLowerCase();
    if (kind === 'open') {
      const open = openByName.get(key);
      if (open === undefined) openByName.set(key, [index]);
      else open.push(index);
    } else if (kind === 'close') {
      const opening = openByName.get(key)?.pop();
      if (opening !== undefined) closings.set(opening, index);
    }
  }
  return closings;
}

function readTag(reader: Reader): Tag | undefined {
  const { text, position: start } = reader;
  const next = text[start + 1];
  if (next === '!' || next === '?') return readDeclaration(reader);
  if (take(reader, FRAGMENT) !== undefined) return createTag('skipped', start, reader.position);
  NAME.lastIndex = start;
  const match = NAME.exec(text);
  if (match === null) return undefined;
  const [whole, slash, name = ''] = match;
  reader.position = start + whole.length;
  const attributes = readAttributes(reader, start + MAX_TAG_LENGTH);
  if (attributes === undefined) return undefined;
  const isEmpty = text[reader.position - 2] === '/';
  const kind = slash === '/' ? 'close' : isEmpty ? 'empty' : 'open';
  return { kind, name, ...attributes, start, end: reader.position };
}

/** Reads a comment, a document type, a processing instruction or a CDATA section. */
function readDeclaration(reader: Reader): Tag | undefined {
  const { text, position: start } = reader;
  const isComment = text.startsWith('<!--', start);
  if (!isComment && !/[A-Za-z[]/.test(text[start + 2] ?? '')) return undefined;
  const mark = isComment ? '-->' : text.startsWith('<![CDATA[', start) ? ']]>' : '>';
  // The shortest comment is `<!-->`.
  const end = text.indexOf(mark, start + 2);
  reader.position = end === -1 ? text.length : end + mark.length;
  return end === -1 ? undefined : createTag('skipped', start, reader.position);
}

/** Reads the attributes of a tag up to and including its `>`; undefined if this is no tag. */
function readAttributes(reader: Reader, limit: number): Pick<Tag, 'attributes' | 'hasValues'> | undefined {
  const { text } = reader;
  let attributes: Map<string, string> | undefined;
  let hasValues = false;
  while (reader.position < Math.min(text.length, limit)) {
    const hasSpace = take(reader, SPACE) !== '';
    const character = text[reader.position];
    if (character === '>' || character === '/') {
      reader.position += 1;
      if (character === '>') return { attributes: attributes ?? NO_ATTRIBUTES, hasValues };
      continue;
    }
    if (character === '{') {
      if (readBraces(reader, limit) === undefined) return undefined;
      hasValues = true;
      continue;
    }
    const name = hasSpace || attributes !== undefined ? take(reader, ATTRIBUTE_NAME) : undefined;
    if (name === undefined) return undefined;
    const value = readValue(reader, limit);
    if (value === undefined) return undefined;
    hasValues ||= value !== null;
    attributes ??= new Map();
    attributes.set(name.toLowerCase(), value ?? '');
  }
  return undefined;
}

/** Reads `= value`; null if the attribute has no value, undefined if the value is malformed. */
function readValue(reader: Reader, limit: number): string | null | undefined {
  const { text, position } = reader;
  take(reader, SPACE);
  if (text[reader.position] !== '=') {
    reader.position = position;
    return null;
  }
  reader.position += 1;
  take(reader, SPACE);
  const quote = text[reader.position];
  if (quote === '"' || quote === "'") {
    const start = reader.position + 1;
    const end = text.indexOf(quote, start);
    reader.position = end === -1 ? text.length : Math.min(end + 1, limit);
    return end === -1 ? undefined : text.slice(start, reader.position - 1);
  }
  if (quote === '{') {
    const content = readBraces(reader, limit);
    return content === undefined ? undefined : unquote(content);
  }
  return take(reader, UNQUOTED_VALUE);
}

function readExpression(reader: Reader): Tag | undefined {
  const start = reader.position;
  return readBraces(reader, start + MAX_TAG_LENGTH) === undefined
    ? undefined
    : createTag('expression', start, reader.position);
}

/** Reads an expression in braces, and returns what is between them; undefined if they do not end before `limit`. */
function readBraces(reader: Reader, limit: number): string | undefined {
  const { text, position: start } = reader;
  const end = Math.min(text.length, limit);
  let depth = 0;
  for (; reader.position < end; reader.position += 1) {
    const character = text[reader.position];
    if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    else if (character === '/' && text[reader.position + 1] === '*') {
      const close = text.indexOf('*/', reader.position + 2);
      reader.position = close === -1 ? end : close + 1;
    }
    if (depth === 0) {
      reader.position += 1;
      return text.slice(start + 1, reader.position - 1);
    }
  }
  return undefined;
}

/** Returns the text of a string literal, or '' for another expression. Code spans stand for template literals. */
export function unquote(expression: string): string {
  return (
    /^\s*(?:"([^"]*)"|'([^']*)'|`([^`$]*)`|([\ufdd0-\ufdd4]\d+\ufdd1))\s*$/.exec(expression)?.slice(1).join('') ?? ''
  );
}

/** Extends the opening tag of a script or style to the end of the element. */
function skipRawElement(text: string, tag: Tag, unclosed: Set<string>): Tag {
  const name = tag.name.toLowerCase();
  if (tag.kind !== 'open' || !RAW_ELEMENTS.has(name) || unclosed.has(name)) return tag;
  const closing = name === 'script' ? /<\/script\s*>/gi : /<\/style\s*>/gi;
  closing.lastIndex = tag.end;
  if (closing.test(text)) return createTag('skipped', tag.start, closing.lastIndex);
  unclosed.add(name);
  return tag;
}

function createTag(kind: Tag['kind'], start: number, end: number): Tag {
  return { kind, name: '', attributes: NO_ATTRIBUTES, hasValues: false, start, end };
}

/** Reads what a sticky pattern matches at the position; undefined if it does not match. */
function take(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.position;
  const match = pattern.exec(reader.text)?.[0];
  reader.position += match?.length ?? 0;
  return match;
}
