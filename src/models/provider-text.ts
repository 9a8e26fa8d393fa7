import type { LanguageModelV4Message, LanguageModelV4ToolCall, SharedV4ProviderMetadata } from '@ai-sdk/provider';

/** A model's output of one round, as the message that the next round sends back. */
export type ProviderMessage = LanguageModelV4Message & { role: 'assistant' };

/**
 * Collects a model's output. Each block of text or reasoning keeps the latest metadata that the provider attached to
 * the block, because reasoning models need this metadata in the next round.
 */
export interface ProviderText {
  /** Starts a new block, even if a block has the same id, because providers reuse ids. */
  startBlock(type: BlockType, part: BlockPart): void;
  /** Continues a block, or starts it. */
  continueBlock(type: BlockType, part: BlockPart): void;
  /** Appends to the block that was last started or continued. */
  appendText(text: string): void;
  addToolCall(call: LanguageModelV4ToolCall): void;
  readonly message: ProviderMessage;
}

type BlockType = 'text' | 'reasoning';

/** A stream part that belongs to a block. The provider assigns the block's id. */
interface BlockPart {
  readonly id: string;
  readonly providerMetadata?: SharedV4ProviderMetadata;
}

interface Block {
  readonly key: string;
  readonly part: { readonly type: BlockType; text: string; providerOptions?: SharedV4ProviderMetadata };
}

/** Creates the collector of one answer. */
export function createProviderText(): ProviderText {
  const content: ProviderMessage['content'] = [];
  /** The latest block of each type and id. */
  const blocks = new Map<string, Block>();
  let current: Block | undefined;

  function startBlock(type: BlockType, { id, providerMetadata }: BlockPart): void {
    current = { key: keyOf(type, id), part: { type, text: '', ...toProviderOptions(providerMetadata) } };
    blocks.set(current.key, current);
    content.push(current.part);
  }

  return {
    startBlock,
    continueBlock(type, part) {
      const key = keyOf(type, part.id);
      if (current?.key !== key) current = blocks.get(key);
      if (current === undefined) startBlock(type, part);
      else if (part.providerMetadata !== undefined) current.part.providerOptions = part.providerMetadata;
    },
    appendText(text) {
      if (current !== undefined) current.part.text += text;
    },
    addToolCall({ toolCallId, toolName, input, providerMetadata }) {
      const options = toProviderOptions(providerMetadata);
      content.push({ type: 'tool-call', toolCallId, toolName, input: readInput(input), ...options });
    },
    get message(): ProviderMessage {
      // Some providers reject an empty text without metadata in the next round.
      const parts = content.filter((part) => part.type !== 'text' || part.text !== '' || part.providerOptions);
      return { role: 'assistant', content: parts };
    },
  };
}

const keyOf = (type: BlockType, id: string) => `${type} ${id}`;

function toProviderOptions(metadata: SharedV4ProviderMetadata | undefined) {
  return metadata && { providerOptions: metadata };
}

/** Parses a tool's input. Other values than objects become `{}`, because providers reject them in the next round. */
function readInput(text: string): unknown {
  try {
    const input: unknown = JSON.parse(text);
    return typeof input === 'object' && input !== null && !Array.isArray(input) ? input : {};
  } catch {
    return {};
  }
}
