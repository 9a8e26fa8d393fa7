/** Three moving dots: the typing indicator. */
export function Dots({ label }: { label: string }) {
  return (
    <p class="dots">
      <span class="unseen">{label}</span>
      <span class="dot" aria-hidden="true" />
      <span class="dot" aria-hidden="true" />
      <span class="dot" aria-hidden="true" />
    </p>
  );
}
