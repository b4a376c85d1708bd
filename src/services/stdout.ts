// Standard output, for trials and for the systemd journal.

import * as v from "valibot";
import { sentences } from "./wording.ts";
import type { Service } from "./service.ts";

const options = v.strictObject({});

/** The `stdout` service: one plain sentence per line. It needs no section in the configuration. */
export const stdout: Service<v.InferOutput<typeof options>> = {
  name: "stdout",
  apiUrl: "https://www.freedesktop.org/software/systemd/man/latest/systemd-journald.service.html",
  options,
  secretOptions: [],
  example: "",
  limits: { text: Infinity, unit: "characters" },
  secrets: () => [],
  endpoints: () => [],
  fitting: (notifications) => notifications.length,
  render: (message) => ({ kind: "print", text: sentences(message) }),
  judge: () => ({ kind: "delivered" }),
};
