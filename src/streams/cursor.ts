import { hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import { BadUserInputError } from '../domain/errors.ts';

/** A kind of stream, by the letter that its cursors have. */
const KINDS = { conversation: 'c', chatbot: 'b', message: 'm', quota: 'q' } as const;

/** The cursors of one stream: positions that this gateway has signed, and nobody else can. */
export interface StreamCursors {
  /** Writes a position, of ASCII letters, digits, `-` and `_`, as a signed cursor. */
  write(position: string): string;
  /**
   * Reads a cursor back, as the groups of `form`, which describes a whole position.
   * @throws BadUserInputError for whatever was not written for this stream with a key that is still at hand.
   */
  read(cursor: string, form: RegExp): Readonly<Record<string, string | undefined>>;
}

/** Makes the cursors of streams. */
export interface Cursors {
  /**
   * The cursors of a stream of an account: that of a conversation, chatbot or message, or of the quota, whose owner is the
   * account itself.
   */
  of(kind: keyof typeof KINDS, accountId: string, ownerId: string): StreamCursors;
}

/** Changes with the form of any position, so that one of another version is refused and never misread. */
const VERSION = '2';
/** 84 bits: more than anybody can try, and too few of the hash to go on from. */
const MAC_CHARS = 14;
/** Longer than any position. */
const MAX_CHARS = 256;

/**
 * Makes the cursors of a gateway. A cursor is version, kind, position and MAC, and its key is that of one stream: HKDF of
 * the gateway's key with the kind, the account and the owner. So everything that the gateway believes is signed, and a
 * cursor is worth nothing to another stream. The MAC is a cut SHA-256 over key and text: what is cut off is what one would
 * need to append something. Each token has a cursor, and HMAC costs three times as much.
 * @param getKeys gives the first for writing and all for reading; asked when a stream begins.
 */
export function createCursors(getKeys: () => readonly Buffer[]): Cursors {
  return {
    of(kind, accountId, ownerId) {
      const [newest, ...earlier] = getKeys();
      if (newest === undefined) throw new Error('There is no key to sign cursors with.');
      const derive = (key: Buffer) => {
        const purpose = `chatgraph cursor ${kind} ${accountId} ${ownerId}`;
        return Buffer.from(hkdfSync('sha256', key, '', purpose, 32)).toString('base64url');
      };
      const key = derive(newest);
      const prefix = `${VERSION}${KINDS[kind]}_`;

      return {
        write(position) {
          const text = `${prefix}${position}_`;
          return text + signText(key, text);
        },

        read(cursor, form) {
          const text = cursor.slice(0, -MAC_CHARS);
          const mac = Buffer.from(cursor.slice(-MAC_CHARS));
          const holds = (candidate: string) => {
            const expected = Buffer.from(signText(candidate, text));
            return mac.length === expected.length && timingSafeEqual(mac, expected);
          };
          const isSigned = cursor.length <= MAX_CHARS && (holds(key) || earlier.some((one) => holds(derive(one))));
          const position = isSigned && text.startsWith(prefix) ? text.slice(prefix.length, -1) : undefined;
          const groups = position === undefined ? undefined : form.exec(position)?.groups;
          if (groups === undefined) throw notACursor();
          return groups;
        },
      };
    },
  };
}

function signText(key: string, text: string): string {
  return hash('sha256', key + text, 'base64url').slice(0, MAC_CHARS);
}

/** Makes what is answered to a cursor that does not hold. */
function notACursor(): BadUserInputError {
  return new BadUserInputError(
    '`after` is not a cursor of this stream, or an earlier version or another secret key has signed it. Subscribe without `after`.',
  );
}
