/** Three moving dots: the typing indicator. */
export function TypingIndicator({ label }: { label: string }) {
  return (
    <p class="dots">
      <span class="visually-hidden">{label}</span>
      <span class="dot" aria-hidden="true" />
      <span class="dot" aria-hidden="true" />
      <span class="dot" aria-hidden="true" />
    </p>
  );
}
