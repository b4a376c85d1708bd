// Classifies SQLite errors by their result codes.

/** Result codes (https://www.sqlite.org/rescode.html), as the lowest byte of an `errcode`. */
export const SQLITE_ERROR = 1;
export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
export const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;
/** The file locking protocol failed. */
export const SQLITE_PROTOCOL = 15;
const SQLITE_NOTADB = 26;

/** Whether an error comes from SQLite. `errcode`, the extended result code, is set only if a prepared statement failed. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode?: number } {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

/** The primary result code of an error; 0 if it has none or does not come from SQLite. */
export function sqliteCode(error: unknown): number {
  return isSqliteError(error) ? (error.errcode ?? 0) & 0xff : 0;
}

/** Whether SQLite found the database damaged. */
export function isDamage(error: unknown): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(sqliteCode(error));
}
