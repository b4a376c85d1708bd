// `[message]`: the administrator's own words for logins and logouts, for all routes or for one.

import * as v from "valibot";
import { FACTS, templateFault } from "../services/template.ts";
import { suggestion } from "./config_error.ts";
import { line } from "./schema_parts.ts";

/** The longest template, in UTF-16 code units. Longer words would leave no room for the facts in small messages. */
const MAX_LENGTH = 500;

function template(description: string) {
  return v.pipe(
    v.optional(v.pipe(
      line(MAX_LENGTH),
      v.rawCheck(({ dataset: { typed, value }, addIssue }) => {
        const fault = typed ? templateFault(value) : undefined;
        if (fault === undefined) return;
        const message = "message" in fault
          ? fault.message
          : `names {{${fault.unknown}}}, which does not exist${suggestion(fault.unknown, Object.keys(FACTS))}`;
        addIssue({ message });
      }),
    )),
    v.description(description),
  );
}

/** The keys of the section. */
export const MESSAGE = {
  open: template("the sentence about a login"),
  close: template("the sentence about a logout"),
  title_open: template("the title of a message about a login"),
  title_close: template("the title of a message about a logout"),
};
