// Makes values harmless in the markup of services, mostly with look-alikes: their full-width forms, which have no meaning
// there, and which people can read.

/**
 * The colon of `https://`, and all slashes where there are several: some apps link `//host` too. Not those of a
 * fingerprint, which may begin with slashes and have them after its own characters.
 */
const LINK = /(?<!\bSHA256):(?=\/\/)|(?<!\bSHA256:|[\w+/])\/{2,}/g;

/** Prevents apps from turning a text into a link. Leaves fingerprints alone. */
export function unlinked(value: string): string {
  return fullWidth(value, LINK);
}

/**
 * Prevents apps from turning a value into a link: replaces the dots of anything like a DNS name with U+FF0E, because
 * phones also link names without `https://`. Addresses, fingerprints and this host's own name stay as they are.
 */
export function undomained(value: string, hostName: string): string {
  return value === hostName ? value : fullWidth(unlinked(value), /\.(?=\p{L})/gu);
}

/** Characters that begin a mention, room, topic, command or number. */
const SIGNS = /(?<![\p{L}\p{N}])[@#/!+$]/gu;

/** Like {@link undomained}, and also replaces the characters that begin mentions or commands in chats. */
export function inert(value: string, hostName: string): string {
  return value === hostName ? value : fullWidth(undomained(value, hostName), SIGNS);
}

/** Replaces the ASCII characters that a pattern matches with their full-width look-alikes, which no service interprets. */
export function fullWidth(value: string, pattern: RegExp): string {
  // U+FF01 to U+FF5E are in the order of ASCII.
  const wide = (character: string) => String.fromCharCode(character.charCodeAt(0) + 0xfee0);
  return value.replace(pattern, (found) => found.replaceAll(/[!-~]/g, wide));
}

/**
 * Replaces the characters that begin markup in chats and HTML but appear in no ordinary name, so the names of domain users
 * stay as they are: `alice@corp.example`.
 */
export function withoutMarks(value: string): string {
  return fullWidth(value, /[<>|*`~]/g);
}

/** Underscores at the edge of a word and colons around a shortcode, which are markup in some chats. */
const EDGES = /(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|(?<!\w):(?=[\w+-]+:(?!\w))/gu;

/** Prevents a value from becoming a mention, a link or markup in any chat. This host's own name stays as it is. */
export function forwarded(value: string, hostName: string): string {
  return value === hostName ? value : fullWidth(withoutMarks(inert(value, hostName)), EDGES);
}

/** Escapes a text for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
