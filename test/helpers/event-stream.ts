/** One event of a `text/event-stream`, with its raw fields. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  /** The text of a comment line, which clients ignore. */
  readonly comment?: string;
}

/** Yields a response's events until it ends; leaving the loop closes the response. Throws if the connection breaks. */
export async function* readEventStream(response: Response): AsyncGenerator<ServerSentEvent, void, void> {
  let remaining = '';
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const blocks = (remaining + text).split('\n\n');
    remaining = blocks.pop() ?? '';
    for (const block of blocks) yield toEvent(block);
  }
}

function toEvent(block: string): ServerSentEvent {
  const fields = block.split('\n').map((line) => {
    const [name, value = ''] = line.split(/: ?(.*)/s);
    return [name || 'comment', value];
  });
  return Object.fromEntries(fields);
}
