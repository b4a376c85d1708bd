// What Discord would make of a text besides showing it, according to two public parsers and to the names of emojis.

import { nameToEmoji } from "npm:gemoji@8.1.0";
import { parse } from "npm:discord-markdown-parser@1.3.1";
import MarkdownIt from "npm:markdown-it@15.0.3";

// Discord has no code blocks by indentation.
const commonMark = new MarkdownIt("commonmark").disable("code");

const PLAIN = [
  "text",
  "twemoji",
  "br",
  "softbreak",
  "hardbreak",
  "text_special",
  "paragraph_open",
  "paragraph_close",
  "inline",
];

/** A node of either parser; only what is needed of it. */
interface Node {
  readonly type: string;
  readonly children?: readonly Node[] | null;
}

/** The kinds of markup in a text: links, mentions, bold, lists and so on; empty if readers see nothing but text. */
export function markupOf(text: string): string[] {
  const nodes = [...parse(text, "extended") as Node[], ...commonMark.parse(text, {}) as Node[]];
  const types = nodes.flatMap(({ type, children }) => [type, ...(children ?? []).map(({ type }) => type)]);
  // Neither parser knows emojis such as `:skull:`, or the mentions that `allowed_mentions` disables.
  const active = text.replaceAll(/\\[^0-9A-Za-z\s]/g, " ");
  const emojis = [...active.matchAll(/:(?=([\w+-]+):)/g)].map(([, name = ""]) => name)
    .filter((name) => /^\D*$/.test(name) || Object.hasOwn(nameToEmoji, name));
  const names = [...emojis, ...active.match(/@\w+|discord\.gg\//g) ?? []];
  return [...types.filter((type) => !PLAIN.includes(type)), ...names];
}
