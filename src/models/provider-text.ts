import type { LanguageModelV4Message, LanguageModelV4ToolCall, SharedV4ProviderMetadata } from '@ai-sdk/provider';

/** What a model says in one round, as the message that goes back to it in the next. */
export type ProviderMessage = LanguageModelV4Message & { role: 'assistant' };

/**
 * Gathers what a model says. What a provider attaches to a block of text or thoughts stays with it, the latest only, as
 * models that think need it back.
 */
export interface ProviderText {
  /** Begins a block: providers use ids again. */
  begin(type: BlockType, part: BlockPart): void;
  /** Goes on with a block, which is begun where it was not. */
  resume(type: BlockType, part: BlockPart): void;
  /** Appends to the block that was last begun or turned to. */
  append(text: string): void;
  call(call: LanguageModelV4ToolCall): void;
  readonly message: ProviderMessage;
}

type BlockType = 'text' | 'reasoning';

/** A part of a stream that belongs to a block, by the provider's id. */
interface BlockPart {
  readonly id: string;
  readonly providerMetadata?: SharedV4ProviderMetadata;
}

interface Block {
  readonly key: string;
  readonly part: { readonly type: BlockType; text: string; providerOptions?: SharedV4ProviderMetadata };
}

/** Makes what gathers one answer. */
export function createProviderText(): ProviderText {
  const content: ProviderMessage['content'] = [];
  /** The latest of each type and id. */
  const blocks = new Map<string, Block>();
  let current: Block | undefined;

  function begin(type: BlockType, { id, providerMetadata }: BlockPart): void {
    current = { key: keyOf(type, id), part: { type, text: '', ...attach(providerMetadata) } };
    blocks.set(current.key, current);
    content.push(current.part);
  }

  return {
    begin,
    resume(type, part) {
      const key = keyOf(type, part.id);
      if (current?.key !== key) current = blocks.get(key);
      if (current === undefined) begin(type, part);
      else if (part.providerMetadata !== undefined) current.part.providerOptions = part.providerMetadata;
    },
    append(text) {
      if (current !== undefined) current.part.text += text;
    },
    call({ toolCallId, toolName, input, providerMetadata }) {
      content.push({ type: 'tool-call', toolCallId, toolName, input: readInput(input), ...attach(providerMetadata) });
    },
    get message(): ProviderMessage {
      // An empty text with nothing attached is refused by some when it comes back.
      const parts = content.filter((part) => part.type !== 'text' || part.text !== '' || part.providerOptions);
      return { role: 'assistant', content: parts };
    },
  };
}

const keyOf = (type: BlockType, id: string) => `${type} ${id}`;

function attach(metadata: SharedV4ProviderMetadata | undefined) {
  return metadata && { providerOptions: metadata };
}

/** What a tool is given; an empty object where the model wrote none, as nothing else may come back to it. */
function readInput(text: string): unknown {
  try {
    const input: unknown = JSON.parse(text);
    return typeof input === 'object' && input !== null && !Array.isArray(input) ? input : {};
  } catch {
    return {};
  }
}
