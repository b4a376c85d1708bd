// What the compliance suite has to know of Pager: a receiver that takes what it takes, and options that lead there.

import { json } from "../helpers/receiver.ts";
import { SECRET } from "../helpers/receivers.ts";
import { bodyOf, type HttpSpec, LINKS, matches, textsOf } from "../helpers/service_specs.ts";

/** Pager in the compliance suite. */
export const pagerSpec: HttpSpec = {
  kind: "http",
  receive(request, _text, { text, urgent }) {
    if (request.headers.get("authorization") !== `Bearer ${SECRET}`) return json(401, { error: "who are you?" });
    if (new URL(request.url).pathname !== "/api/pages") return json(404, { error: "not found" });
    if (typeof text !== "string" || [...text].length > 1000) return json(400, { error: "text must have 1 to 1000" });
    return ["undefined", "boolean"].includes(typeof urgent) ? json(200, { id: 1 }) : json(400, { error: "urgent" });
  },
  options: (origin) => ({ server_url: origin, token: SECRET }),
  refused: (origin) => ({ server_url: origin, token: "wrong" }),
  waits: [],
  failures: [[`{"error":"text must have 1 to 1000"}`, "refused"]],
  believesPages: false,
  isLimited: true,
  firstText: (request) => String(bodyOf(request)["text"]),
  active: (request) => matches(textsOf(bodyOf(request)).join("\n"), LINKS),
};
