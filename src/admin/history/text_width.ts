// Measures how many columns of a terminal a text takes. Pure.

const NONE = /^\p{M}$/u;

// Hangul, CJK, full-width forms and emoji: Unicode's East Asian Width W and F, in ranges that are slightly too large.
const TWO =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]$/u;

/** The width of one line of text, in columns. */
export function textWidth(text: string): number {
  // Fast path: nearly all text is ASCII.
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Cuts a text to a width in columns, and marks the cut with `…`. */
export function cutToWidth(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let left = width - 1;
  for (const character of text) {
    left -= characterWidth(character);
    if (left < 0) break;
    kept += character;
  }
  return width < 1 ? "" : `${kept}…`;
}

/** Pads a text with spaces to a width in columns. */
export function padToWidth(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

function characterWidth(character: string): number {
  if (NONE.test(character)) return 0;
  return TWO.test(character) ? 2 : 1;
}
