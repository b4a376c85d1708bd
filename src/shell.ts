// Quotes text in commands that a person copies into a shell, mostly as root.

/** A text as one word of a POSIX shell: unchanged if it has no special character, else in single quotes. */
export function quotedForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
