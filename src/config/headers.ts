// Extra request headers of a route, such as the credentials of a gateway in front of the service. Every value is secret;
// so may be a name that is not valid, because it can be a whole header line. Neither is ever quoted.

import { readSecretFile, type RouteContext } from "./service_options.ts";
import { isPlaceholder } from "./placeholder.ts";

/** A header name (RFC 9110, section 5.6.2). */
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** A header value: ASCII, without control characters, and without spaces at its ends. */
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

/** Headers of the connection, of the proxy, or about the form of the body, which the HTTP client itself sets. */
const RESERVED = new RegExp(
  "^(?:host|(?:content|transfer|accept)-encoding|content-length|connection|keep-alive|te|trailer|upgrade|expect" +
    "|proxy-.*)$",
);

/** A shorter part of a value may be an ordinary word, such as `Bearer`. */
const MIN_PART = 8;

/** Where headers are configured, and for which service. */
export interface HeaderContext {
  /** The key path of the route. */
  readonly place: string;
  readonly context: RouteContext;
  /** The names of the headers that the service sets, in lower case. */
  readonly taken: readonly string[];
}

interface Header {
  /** Its key path, and its line in a file. */
  readonly place: string;
  readonly line: string;
  readonly name: string;
  readonly value: unknown;
}

/** Parses `headers` or `headers_file`, by lower-case name; adds to the faults. */
export function parseHeaders(
  keys: Readonly<Record<string, unknown>>,
  { place, context, taken }: HeaderContext,
): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const header of headersOf(keys, { place, context })) {
    const name = header.name.toLowerCase();
    const fault = faultOf(header, { taken, isRepeated: found.has(name) });
    if (fault !== undefined) {
      const id = typeof header.value === "string" ? "config.wrong-value" : "config.wrong-type";
      context.faults.push({ id, place: header.place, message: `${header.line}${fault}` });
      continue;
    }
    const value = String(header.value);
    found.set(name, value);
    context.secrets.push(value, ...value.split(/[\s;,=]+/).filter((part) => part.length >= MIN_PART));
    if (isPlaceholder(value)) context.placeholders.push(header.place);
  }
  return Object.fromEntries(found);
}

function headersOf(
  keys: Readonly<Record<string, unknown>>,
  { place, context }: Pick<HeaderContext, "place" | "context">,
): Header[] {
  if (keys["headers_file"] === undefined) {
    return Object.entries(keys["headers"] ?? {}).map(([name, value]) => ({
      place: `${place}.headers${NAME.test(name) ? `.${name}` : ""}`,
      line: "",
      name,
      value,
    }));
  }
  const file = `${place}.headers_file`;
  const text = readSecretFile("headers", keys, { place: file, context }, ({ text }) => text) ?? "";
  return text.split(/\r?\n/).flatMap((line, index): Header | [] => {
    const [, name = "", value = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    return line.trim() === "" ? [] : { place: file, line: `line ${index + 1}: `, name, value };
  });
}

function faultOf(
  { name, value, line }: Header,
  { taken, isRepeated }: { taken: readonly string[]; isRepeated: boolean },
): string | undefined {
  if (!NAME.test(name)) {
    return line === "" ? "has a name that is not valid in HTTP" : 'must be "Name: value", with a name valid in HTTP';
  }
  if (RESERVED.test(name.toLowerCase())) return `must not set ${name}: HTTP itself sets it`;
  if (taken.includes(name.toLowerCase())) return `must not set ${name}: the service sets it`;
  if (isRepeated) return `sets ${name} a second time`;
  if (typeof value !== "string") return "must be a quoted string";
  if (!VALUE.test(value)) return "must be one line of ASCII characters, not empty, without spaces at its ends";
  return undefined;
}
