import { StartupError } from '../../domain/errors.ts';

/** Another gateway has this database open. */
export class DatabaseInUseError extends StartupError {
  constructor(path: string) {
    super(`Another gateway is using ${path}. Stop it first, or give this one its own DATA_DIR.`);
  }
}
