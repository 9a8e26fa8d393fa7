/**
 * Copies a text by the Clipboard API, or by a selection where the API needs a permission that the page lacks, or a secure
 * context.
 * @param element the element that shows the text. It is selected if the text could not be copied.
 * @returns whether the text was copied.
 */
export async function copyText(text: string, element: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text, element);
  }
}

function copySelection(text: string, element: Element): boolean {
  const selection = getSelection();
  selection?.selectAllChildren(element);
  // Otherwise the clipboard would also get the formatting.
  const setText = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text);
    event.preventDefault();
  };
  document.addEventListener('copy', setText);
  // Deprecated, but the only way that needs no permission, and supported by all browsers.
  const isCopied = document.execCommand('copy');
  document.removeEventListener('copy', setText);
  if (isCopied) selection?.removeAllRanges();
  return isCopied;
}
