import { randomBytes } from 'node:crypto';
import type { Viewer } from '../../access/viewer.ts';
import { EventStreamConflictError } from '../../domain/errors.ts';
import { createResultStream, type ResultStream } from './result-stream.ts';

/** The event streams that clients have reserved at this process, by their tokens. */
export interface Reservations {
  /**
   * Reserves a stream for a viewer, and returns its token. It ends when its client disconnects, when the credential is
   * revoked, or if no client opens it within a minute.
   * @param claim counts the stream until its signal aborts; it throws if the viewer has too many.
   */
  create(viewer: Viewer, claim: (viewer: Viewer, signal: AbortSignal) => void): string;
  /**
   * Finds the stream of a token.
   * @throws EventStreamConflictError if the viewer has no such stream at this process.
   */
  get(viewer: Viewer, token: string): ResultStream;
}

interface Reservation {
  readonly owner: string;
  readonly stream: ResultStream;
}

const TOKEN_BYTES = 24;
const MAX_WAIT_MS = 60_000;

/** Creates the reservations of one process. `onError` receives the errors of the gateway that end a stream. */
export function createReservations(onError: (error: unknown) => void): Reservations {
  const reservations = new Map<string, Reservation>();

  return {
    create(viewer, claim) {
      const ended = new AbortController();
      claim(viewer, ended.signal);
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const onClose = () => {
        reservations.delete(token);
        clearTimeout(expiry);
        viewer.revoked.removeEventListener('abort', stream.close);
        ended.abort();
      };
      const stream = createResultStream({ onClose, onError });
      const expiry = setTimeout(() => {
        if (!stream.isOpen) stream.close();
      }, MAX_WAIT_MS).unref();
      viewer.revoked.addEventListener('abort', stream.close);
      reservations.set(token, { owner: ownerOf(viewer), stream });
      return token;
    },

    get(viewer, token) {
      const reservation = reservations.get(token);
      if (reservation?.owner !== ownerOf(viewer)) throw new EventStreamConflictError();
      return reservation.stream;
    },
  };
}

/** The credential that a stream belongs to: a key, or a session of one visitor. */
const ownerOf = ({ credentialId, session }: Viewer): string => `${credentialId} ${session?.tokenId ?? ''}`;
