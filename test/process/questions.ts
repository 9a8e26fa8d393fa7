const OPENING_HOURS = 'The shop 👩🏽‍🔧 opens at nine on weekdays, 𝔘nicode or not.';
const RETURNS = 'The shop pays the postage of a returned parcel 📦.';
/** The chatbot's source. */
export const SOURCE = `# Opening hours 🕘\n\n${OPENING_HOURS}\n\n# Returns\n\n${RETURNS}`;
/** The chatbot's fallback message, which is long. */
export const FALLBACK = Array.from(
  { length: 150 },
  (_, index) => `${index} ${['words', '👍🏽', 'é', '𝔘'][index % 4]}`,
).join();
/** The answers by question: from the source, except for the last, which is the long fallback message. */
export const ANSWERS = new Map([
  ['When does the shop open on weekdays?', OPENING_HOURS],
  ['Who pays the postage of a returned parcel?', RETURNS],
  ['Xylophones?', FALLBACK],
]);
