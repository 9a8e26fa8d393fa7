const OPEN = 'The shop 👩🏽‍🔧 opens at nine on weekdays, 𝔘nicode or not.';
const RETURNS = 'The shop pays the postage of a returned parcel 📦.';
/** What the chatbot has read. */
export const SOURCE = `# Opening hours 🕘\n\n${OPEN}\n\n# Returns\n\n${RETURNS}`;
/** What it says else. */
export const FALLBACK = Array.from(
  { length: 150 },
  (_, index) => `${index} ${['words', '👍🏽', 'é', '𝔘'][index % 4]}`,
).join();
/** What is asked, and what is answered: out of the source, but for the last, which takes a while. */
export const ANSWERS = new Map([
  ['When does the shop open on weekdays?', OPEN],
  ['Who pays the postage of a returned parcel?', RETURNS],
  ['Xylophones?', FALLBACK],
]);
