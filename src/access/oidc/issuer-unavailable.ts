import { RefusalError } from '../../domain/errors.ts';

/** The issuer of a token does not answer, so that the token cannot be verified. */
export class IssuerUnavailableError extends RefusalError {
  readonly code = 'SERVICE_UNAVAILABLE';

  constructor() {
    super('The issuer of the token cannot be reached.');
  }
}
