import { hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { BadUserInputError } from '../domain/errors.ts';

/** The letter that identifies a kind of stream in its cursors. */
const KINDS = { conversation: 'c', chatbot: 'b', message: 'm', quota: 'q', account: 'a' } as const;

/** Writes and reads the cursors of one stream: positions that the gateway signs, so that no client can forge one. */
export interface StreamCursors {
  /** Writes a position as a signed cursor. A position consists of ASCII letters, digits, `-` and `_`. */
  write(position: string): string;
  /**
   * Verifies a cursor, and returns the groups of `pattern`, which matches a complete position.
   * @throws BadUserInputError for a text that was not signed for this stream with a current or previous key.
   */
  read(cursor: string, pattern: RegExp): Readonly<Record<string, string | undefined>>;
}

/** The cursors of all streams. */
export interface Cursors {
  /**
   * Returns the cursors of one stream of an account. `ownerId` is the id of the conversation, chatbot or message; for
   * the streams of the account and of its quota it is the id of the account.
   */
  forStream(kind: keyof typeof KINDS, accountId: string, ownerId: string): StreamCursors;
}

/** Incremented when the format of a position changes, so that cursors of other versions are refused, not misread. */
const VERSION = '2';
/** 84 bits: too many to guess, and too few of the hash for a length extension attack. */
const MAC_CHARS = 14;
/** The gateway refuses a longer text before it computes a MAC; none of its cursors is longer. */
const MAX_CURSOR_CHARS = 256;

/**
 * Creates the cursors of a gateway. A cursor consists of version, kind, position and MAC. Each stream has its own key:
 * HKDF of the gateway's key with the kind, the account and `ownerId`. So everything that the gateway trusts is signed,
 * and a cursor is valid for one stream only. The MAC is a truncated SHA-256 over key and text; the truncation prevents
 * length extension. HMAC would take three times as long, and each delta needs a cursor.
 * @param getKeys returns the keys, and is called at the start of each stream. The first key signs; all keys verify.
 */
export function createCursors(getKeys: () => readonly Buffer[]): Cursors {
  return {
    forStream(kind, accountId, ownerId) {
      const [currentKey, ...previousKeys] = getKeys();
      if (currentKey === undefined) throw new Error('There is no key to sign cursors with.');
      const derive = (key: Buffer) => {
        const purpose = `chatgraph cursor ${kind} ${accountId} ${ownerId}`;
        return Buffer.from(hkdfSync('sha256', key, '', purpose, 32)).toString('base64url');
      };
      const key = derive(currentKey);
      const prefix = `${VERSION}${KINDS[kind]}_`;

      return {
        write(position) {
          const text = `${prefix}${position}_`;
          return text + signText(key, text);
        },

        read(cursor, pattern) {
          const text = cursor.slice(0, -MAC_CHARS);
          const mac = Buffer.from(cursor.slice(-MAC_CHARS));
          const isSignedWith = (candidate: string) => {
            const expected = Buffer.from(signText(candidate, text));
            return mac.length === expected.length && timingSafeEqual(mac, expected);
          };
          const isSigned =
            cursor.length <= MAX_CURSOR_CHARS &&
            (isSignedWith(key) || previousKeys.some((previous) => isSignedWith(derive(previous))));
          const position = isSigned && text.startsWith(prefix) ? text.slice(prefix.length, -1) : undefined;
          const groups = position === undefined ? undefined : pattern.exec(position)?.groups;
          if (groups === undefined) throw createInvalidCursorError();
          return groups;
        },
      };
    },
  };
}

function signText(key: string, text: string): string {
  return hash('sha256', key + text, 'base64url').slice(0, MAC_CHARS);
}

/** Creates the error for a cursor that this stream did not write. */
function createInvalidCursorError(): BadUserInputError {
  return new BadUserInputError(
    '`after` is not a cursor of this stream, or an earlier version or another secret key has signed it. Subscribe without `after`.',
  );
}
