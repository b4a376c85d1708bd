// Removes secrets from all text that is logged or shown. Pure.

/** A shorter secret is redacted only as a whole word: inside other words, the gaps would reveal it. */
const MIN_ANYWHERE = 8;

/** The begin and end of a word in a URL, in JSON and in a sentence; the apostrophe in "don't" is part of the word. */
const BEGIN = String.raw`(?<=^|[\s/?&=#:"@,;([{<]|(?<!\w)')`;
const END = String.raw`(?=$|[\s/?&=#:"\\@,;.)\]}>]|'(?!\w))`;

/**
 * Returns a function that replaces every secret in a text with `[secret]`, even if it is quoted or percent-encoded.
 *
 * @param secrets the values that must not be shown
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  // Longest first: a shorter secret inside a longer one must not leave part of it.
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const patterns = forms.map((form) => {
    const literal = form.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    return new RegExp(form.length < MIN_ANYWHERE ? `${BEGIN}${literal}${END}` : literal, "g");
  });
  return (text) => patterns.reduce((rest, pattern) => rest.replace(pattern, "[secret]"), text);
}

/** All ways to write a secret: plain, in a URL, in a form, and in JSON, where some servers escape the slash. */
function formsOf(secret: string): string[] {
  if (secret === "") return [];
  const inUrl = encodeURIComponent(secret.toWellFormed());
  const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
  const inJson = JSON.stringify(secret).slice(1, -1);
  const lowerCase = [inUrl, inForm].map((form) => form.replace(/%../g, (escape) => escape.toLowerCase()));
  return [secret, inUrl, inForm, ...lowerCase, inJson, inJson.replaceAll("/", "\\/")];
}
