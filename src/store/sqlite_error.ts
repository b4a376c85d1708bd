// Tells the errors of SQLite apart, by their codes.

/** Result codes (https://www.sqlite.org/rescode.html), as the lowest byte of an `errcode`. */
export const SQLITE_ERROR = 1;
export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
export const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;
/** A lock that the system gives or takes in a way that SQLite can't make sense of. */
export const SQLITE_PROTOCOL = 15;
export const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

/** Whether an error comes from SQLite. `errcode` is its extended result code, where a prepared statement failed. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode?: number } {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

/** The result code of an error, without what SQLite adds to it; 0 where it comes from elsewhere, or has none. */
export function sqliteCode(error: unknown): number {
  return isSqliteError(error) ? (error.errcode ?? 0) & 0xff : 0;
}

/** Whether what SQLite read can't be right. */
export function isDamage(error: unknown): boolean {
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(sqliteCode(error));
}
