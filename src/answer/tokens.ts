/** How many UTF-16 units a token has on average, in the languages that models know best. */
const UNITS_PER_TOKEN = 4;

/** About how many tokens a text is. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / UNITS_PER_TOKEN);
}
