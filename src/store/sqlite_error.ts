// Tells the errors of SQLite apart, by their codes.

/** Result codes (https://www.sqlite.org/rescode.html), as the lowest byte of an `errcode`. */
export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_IOERR = 10;
export const SQLITE_FULL = 13;

/** Whether an error comes from SQLite. `errcode` is its extended result code, where a prepared statement failed. */
export function isSqliteError(error: unknown): error is Error & { readonly errcode?: number } {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}
