// The administrator's own words for an event: a mustache template with the names of facts. Its values are as harmless as
// in our own sentence, and no tag can change that.

// @ts-types="npm:@types/mustache@4.2.6"
import Mustache from "mustache";

/** The facts that a template can name, with their descriptions. A fact that is unknown or does not apply is empty. */
export const FACTS = {
  user: "the account",
  address: "the client's address",
  dns_name: "its name in the DNS",
  place: "its city or country, and the operator of its network",
  port: "the client's port",
  host: "this machine's name",
  time: "the local time",
  kind: "`SSH`, `console`, `su`, `sudo`, or else the PAM service",
  service: "the PAM service",
  terminal: "the terminal",
  process: "the process that opened the session",
  authentication: "the method and the key",
  duration: "the length of the session, at a logout",
  reasons: "why the event is unexpected",
  unexpected: "`yes` if it is unexpected",
  urgent: "`yes` if it is urgent",
  repeat: "`yes` if it may have been sent before",
} as const;

export type FactName = keyof typeof FACTS;

/** What is wrong with a template: a message, or a name that does not exist. */
export type TemplateFault = { readonly message: string } | { readonly unknown: string };

/** Checks a template. Returns undefined if it is valid. */
export function templateFault(template: string): TemplateFault | undefined {
  let tokens: Token[];
  try {
    tokens = Mustache.parse(template);
  } catch (error) {
    return { message: `is not a template: ${error instanceof Error ? error.message : String(error)}` };
  }
  return faultIn(tokens);
}

/** A tag or a text, as mustache parses it. A section has its content as the fifth item. */
type Token = ReturnType<typeof Mustache.parse>[number];

/** What a tag may be: a value, a section, an inverted section, a comment, or text. */
const ALLOWED: ReadonlySet<string> = new Set(["name", "#", "^", "!", "text"]);

function faultIn(tokens: readonly Token[]): TemplateFault | undefined {
  for (const token of tokens) {
    const [kind, name, , , content] = token;
    if (kind === "&") return { message: `cannot contain {{{${name}}}} or {{&${name}}}; write {{${name}}}` };
    if (!ALLOWED.has(kind)) {
      return { message: `cannot contain a tag {{${kind}${name}}}: only {{name}}, {{#name}}, {{^name}} and {{/name}}` };
    }
    if (kind !== "text" && kind !== "!" && !Object.hasOwn(FACTS, name)) return { unknown: name };
    const fault = Array.isArray(content) ? faultIn(content) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * Renders a template about an event.
 *
 * @param template a valid one
 * @param facts the values; they must be safe for the service's markup
 */
export function renderTemplate(template: string, facts: Readonly<Record<FactName, string>>): string {
  return Mustache.render(template, facts, {}, { escape: String });
}
