/**
 * Starts a line with the title of a tab, an accordion or another element with a title, which is the heading of what
 * follows up to `SECTION_END`. Both are noncharacters of Unicode, which `cleanText` removes from every source.
 */
export const SECTION_START = '\ufdd2';

/** A line that ends the innermost section that `SECTION_START` began. */
export const SECTION_END = '\ufdd3';
