/** One event of a `text/event-stream`, its fields as they came. */
export interface ServerSentEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
  /** A line that is for nobody. */
  readonly comment?: string;
}

/** Reads the events of a response until it ends; leaving the loop closes it. A connection that breaks throws. */
export async function* readEventStream(response: Response): AsyncGenerator<ServerSentEvent, void, void> {
  let rest = '';
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
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
