// Quotes text in commands that an administrator copies into a shell, often as root.

/** Formats text as one word of a POSIX shell: in single quotes if it has a special character. */
export function quotedForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
