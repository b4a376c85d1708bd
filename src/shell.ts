// Text in commands that a person copies into a shell, mostly as root.

/** A text as one word of a POSIX shell: as it is where nothing in it has a meaning there, else in single quotes. */
export function quotedForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
